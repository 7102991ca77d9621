#!/bin/sh
# What systemd does with a unit of knockd and with its overrides, as far as the documents' commands need it.
set -eu
for unit in /etc/systemd/system/knockd.service /usr/lib/systemd/system/knockd.service /lib/systemd/system/knockd.service; do
    [ ! -e "$unit" ] || break
done

# A setting, the last one of all files.
value() {
    cat "$unit" /etc/systemd/system/knockd.service.d/*.conf 2>/dev/null | sed -n "s/^$1=//p" | tail -n 1
}

start() {
    KNOCKD_OPTS=
    . /etc/default/knockd
    rights=$(value CapabilityBoundingSet | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
    folder=$(value StateDirectory)
    if [ -n "$folder" ]; then
        mkdir -p "/var/lib/$folder"
        export STATE_DIRECTORY="/var/lib/$folder"
    fi
    program=$(value ExecStart)
    # As systemd does, split the variable into words.
    # shellcheck disable=SC2086
    setsid setpriv --bounding-set -all,"$rights" "${program%% *}" $KNOCKD_OPTS </dev/null >>/run/knockd.output 2>&1 &
    echo $! >/run/knockd.main
}

# KillMode=mixed: SIGTERM to the main process, and when that has ended SIGKILL to what is left of the service.
stop() {
    [ -e /run/knockd.main ] || return 0
    main=$(cat /run/knockd.main)
    rm /run/knockd.main
    kill -TERM "$main"
    tail --pid="$main" -s 0.1 -f /dev/null
    here=$(readlink /proc/self/ns/mnt)
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/mnt")" = "$here" ] || continue
        case $(readlink "$process/exe") in
        /usr/sbin/knockd* | /usr/local/sbin/knockd*) kill -KILL "${process#/proc/}" ;;
        esac
    done
}

case "$*" in
"start knockd" | "enable --now knockd") start ;;
"stop knockd") stop ;;
"restart knockd") stop; start ;;
"reload knockd") kill -HUP "$(cat /run/knockd.main)" ;;
"status knockd") kill -0 "$(cat /run/knockd.main)"; cat /run/knockd.output ;;
"daemon-reload") ;;
"stop knockd-back.timer") rm /run/knockd-back ;;
*) echo "not known: $*" >&2; exit 1 ;;
esac
