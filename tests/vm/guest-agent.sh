#!/bin/sh
# Does as root in the guest what comes in over its second serial line, one command at a time.
#
#   in    JOB SCRIPT             the script in base64
#   out   JOB STATUS OUT ERR     both in base64, `=` where empty; `boot 0 = =` once, when the guest has come up
exec </dev/ttyS1 3>/dev/ttyS1
stty raw -echo
packed() { [ -s "$1" ] && base64 -w 0 "$1" || printf '='; }
echo 'boot 0 = =' >&3
while read -r job script; do
    echo "$script" | base64 -d >/run/guest-job
    sh /run/guest-job >/run/guest-out 2>/run/guest-err </dev/null 3>&-
    status=$?
    echo "$job $status $(packed /run/guest-out) $(packed /run/guest-err)" >&3
done
