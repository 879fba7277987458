#!/bin/sh
# run-wrapper.sh <run folder>
#
# Runs the work of a run folder, once, in a pane of tmux. Every second wrapper of the folder finds it taken and leaves.
#
# Reads   env      shell text that exports the environment of the work; removed before the work begins
#         command  shell text: the work
# Writes  begun    {"pid", "group", "startTime", "bootId"} of the wrapper, whole from its first instant on
#         output   what the work said
#         exit     {"code", "hangup"}, whole; hangup: the pane went away before the work ended
#
# May be killed at any instruction. Without begun nothing has run; begun without exit, and nobody alive: lost.
set -u
folder=$1
printf 'instar: %s\n' "$folder"

# The kernel tells of a hangup only to this process, the session's first. It ends of it, and then all its group is told.
trap : INT QUIT TERM
# For the work too: whoever looks at the pane and stops it could not make it go on.
trap '' TSTP
(
  # Signals are for the work; the wrapper stays to see its end. A trap, other than ignoring, is not inherited.
  asked=0
  hangup=false
  trap 'asked=143' INT QUIT TERM
  trap 'asked=129 hangup=true' HUP
  umask_of_work=$(umask)
  umask 077

  # The identity as shared/proc.ts reads it: proc_pid_stat(5), its fields after the name.
  if [ -r /proc/self/stat ]; then
    read -r stat </proc/self/stat
    read -r boot_id </proc/sys/kernel/random/boot_id
    pid=${stat%% *}
    set -- ${stat##*) }
    group=$3
    start_time=${20}
  else
    pid=$(exec /bin/sh -c 'echo $PPID')
    group=$(ps -o pgid= -p "$pid" | tr -d ' ')
    start_time=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$pid" | sed 's/^ *//; s/ *$//')
    boot_id=$(sysctl -n kern.bootsessionuuid)
  fi

  mine=$folder/begun.$pid
  printf '{"pid":%d,"group":%d,"startTime":"%s","bootId":"%s"}\n' "$pid" "$group" "$start_time" "$boot_id" >"$mine" &&
    sync "$mine" || exit 1
  [ "$asked" -eq 0 ] || exit 1
  # A link is made by exactly one: it fails where the name is there.
  if ! ln "$mine" "$folder/begun" 2>/dev/null; then
    rm -f "$mine"
    exit 0
  fi
  sync "$folder"

  code=125
  if [ "$asked" -ne 0 ]; then
    # Asked to end before there was work that could hear it.
    code=$asked
  elif environment=$(cat "$folder/env"); then
    rm -f "$folder/env" "$mine"
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
  until printf '{"code":%d,"hangup":%s}\n' "$code" "$hangup" >"$folder/exit.$pid" &&
    sync "$folder/exit.$pid" && mv -f "$folder/exit.$pid" "$folder/exit"; do
    [ -d "$folder" ] || exit 1
    sleep 1
  done
  sync "$folder"
)
exit
