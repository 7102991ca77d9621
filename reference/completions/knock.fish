complete -c knock -s d -l delay -d 'Wait so many milliseconds between hits' -r
complete -c knock -l verify -d 'Connect to this TCP port after the knock, and knock again until it is open' -r
complete -c knock -l tries -d 'With --verify: knock so many times at most' -r
complete -c knock -s t -l timeout -d 'Wait so many milliseconds for a connection that hangs' -r
complete -c knock -l then -d 'Run this shell command after success' -r -f -a "(__fish_complete_command)"
complete -c knock -s u -l udp -d 'Make all hits UDP, whatever their ports say'
complete -c knock -s 4 -l ipv4 -d 'Knock on IPv4 addresses only'
complete -c knock -s 6 -l ipv6 -d 'Knock on IPv6 addresses only'
complete -c knock -s v -l verbose -d 'Tell each hit'
complete -c knock -s h -l help -d 'Print help (see more with \'--help\')'
complete -c knock -s V -l version -d 'Print version'
