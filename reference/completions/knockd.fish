complete -c knockd -s i -l interface -d 'Listen on this interface, on several (eth0,wg0), or on all (any) [default: the configuration\'s, or eth0]' -r
complete -c knockd -s c -l config -d 'Read this configuration' -r -F
complete -c knockd -s p -l pidfile -d 'Write the process number there, with -d [default: the configuration\'s, or /var/run/knockd.pid]' -r -F
complete -c knockd -s g -l logfile -d 'Log to this file instead of the configuration\'s' -r -F
complete -c knockd -l state -d 'Keep the journal of open doors in this folder [default: $STATE_DIRECTORY, or the pid file\'s folder]' -r -f -a "(__fish_complete_directories)"
complete -c knockd -l max-commands -d 'Run at most so many commands at once' -r
complete -c knockd -l max-knocks -d 'Remember at most so many half-finished knocks, of about 90 bytes each' -r
complete -c knockd -l check -d 'Say what is wrong with a configuration, and what is dangerous in it, and end [default FILE: that of -c]' -r -F
complete -c knockd -s d -l daemon -d 'Go into the background; returns 0 once the daemon listens'
complete -c knockd -s D -l debug -d 'Log why knocks are discarded, too'
complete -c knockd -s l -l lookup -d 'Look up the names of addresses for the log; whoever sees the queries learns who knocks'
complete -c knockd -s v -l verbose -d 'Log to standard output, too'
complete -c knockd -s 4 -l only-ip-v4 -d 'Ignore IPv6'
complete -c knockd -l dry-run -d 'Log what would be done, but run no command and use up no one-time sequence'
complete -c knockd -l wait -d 'Wait for an interface that does not exist yet'
complete -c knockd -l respawn -d 'If the part that listens dies, start it anew instead of only closing the doors in time'
complete -c knockd -s h -l help -d 'Print help (see more with \'--help\')'
complete -c knockd -s V -l version -d 'Print version'
