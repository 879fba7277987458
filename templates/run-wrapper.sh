#!/bin/sh
# run-wrapper.sh <run folder>
#
# Runs the work of a run folder, once, in a pane of tmux. Every second wrapper of the folder finds it taken and leaves.
#
# Reads   env      shell text that exports the environment of the work; removed as soon as it is read
#         command  shell text: the work
# Writes  begun    {"pid", "group", "startTime", "bootId"} of the wrapper, whole from its first instant on
#         output   what the work said
#         exit     {"code", "hangup"}, whole; hangup: the pane went away before the work ended
#
# May be killed at any instruction. Without begun nothing has run; begun without exit, and nobody alive: lost.
set -u
folder=$1

if [ "${2-}" != inside ]; then
  # The kernel tells of a hangup only to this process, the session's first. It ends of it, and then all its group is told.
  trap : INT QUIT TERM
  printf 'instar: %s\n' "$folder"
  /bin/sh "$0" "$folder" inside
  exit
fi

# Signals are for the work; the wrapper stays to see its end. A trap, other than ignoring, is not inherited.
hangup=false
umask_of_work=$(umask)
umask 077
trap : INT QUIT TERM
trap 'hangup=true' HUP

# The identity as shared/proc.ts reads it: proc_pid_stat(5), its fields from the third on.
if [ -r /proc/self/stat ]; then
  read -r stat <"/proc/$$/stat"
  read -r boot_id </proc/sys/kernel/random/boot_id
  set -- ${stat##*) }
  group=$3
  start_time=${20}
else
  group=$(ps -o pgid= -p $$ | tr -d ' ')
  start_time=$(LC_ALL=C TZ=UTC ps -o lstart= -p $$ | sed 's/^ *//; s/ *$//')
  boot_id=$(sysctl -n kern.bootsessionuuid)
fi

mine=$folder/begun.$$
printf '{"pid":%d,"group":%d,"startTime":"%s","bootId":"%s"}\n' $$ "$group" "$start_time" "$boot_id" >"$mine" || exit 1
sync "$mine" || exit 1
[ "$hangup" = false ] || exit 1
# A link is made by exactly one: it fails where the name is there.
ln "$mine" "$folder/begun" 2>/dev/null
taken=$?
rm -f "$mine"
[ "$taken" -eq 0 ] || exit 0
sync "$folder"

code=125
if environment=$(cat "$folder/env"); then
  rm -f "$folder/env"
  set -- "$folder"
  (
    # From here on every name may be one of the environment's.
    umask "$umask_of_work"
    eval "$environment"
    cd "$INSTAR_AGENT_DIR" || exit 125
    exec /bin/sh "$1/command"
  ) </dev/null >>"$folder/output" 2>&1
  code=$?
fi

# On a full disk it waits for room: an end that nobody can read would be none.
until printf '{"code":%d,"hangup":%s}\n' "$code" "$hangup" >"$folder/exit.$$" &&
  sync "$folder/exit.$$" && mv -f "$folder/exit.$$" "$folder/exit"; do
  [ -d "$folder" ] || exit 1
  sleep 1
done
sync "$folder"
