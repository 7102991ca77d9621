#!/bin/sh
# Nobody gets in but those who are in already; the daemon adds its rules before these.
set -eu
for table in iptables ip6tables; do
    "$table" -w -A INPUT -i lo -j ACCEPT
    "$table" -w -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
done
ip6tables -w -A INPUT -p ipv6-icmp -j ACCEPT
iptables -w -P INPUT DROP
ip6tables -w -P INPUT DROP
