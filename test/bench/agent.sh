#!/bin/sh
# Claude Code as far as a stopwatch needs it, in so little that a hundred of them cost nothing. Prompts:
#   stream COUNT PAUSE   says COUNT messages, each holding the time at which it was written (needs bash)
#   print FILE           a file's lines, as they are
#   flood COUNT          says COUNT messages as fast as it can
#   anything else        one message that holds the time at which it and the end of the turn were written (0 without bash)
now() { stamp=${EPOCHREALTIME:-0}; }

message() { # key: one message, whole, in three frames and one write
  now
  printf '%s\n%s\n%s\n' \
    "{\"type\":\"stream_event\",\"event\":{\"type\":\"message_start\",\"message\":{\"id\":\"$1\"}},\"parent_tool_use_id\":null}" \
    "{\"type\":\"assistant\",\"message\":{\"id\":\"$1\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"$stamp\"}]},\"parent_tool_use_id\":null,\"session_id\":\"s\"}" \
    '{"type":"stream_event","event":{"type":"message_stop"},"parent_tool_use_id":null}'
}

state() { printf '{"type":"system","subtype":"session_state_changed","state":"%s"}\n' "$1"; }
progress() { printf '{"type":"command_lifecycle","command_uuid":"%s","state":"%s"}\n' "$key" "$1"; }

turns=0
while IFS= read -r line; do
  case $line in
  *'"subtype":"initialize"'*)
    id=${line#*\"request_id\":\"}
    printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s","response":{"claude_code_version":"2.1.330","session_state":"idle","account":{"apiKeySource":"bench"}},"pending_permission_requests":[]}}\n' "${id%%\"*}"
    ;;
  *'"subtype":"end_session"'*) exit 0 ;;
  *'"type":"user"'*)
    key=${line#*\"uuid\":\"} key=${key%%\"*}
    text=${line#*\"content\":\"} text=${text%%\"*}
    turns=$((turns + 1))
    state running
    progress started
    set -- $text
    case ${1-} in
    stream)
      n=0
      while [ "$n" -lt "$2" ]; do
        n=$((n + 1))
        message "m-$turns-$n"
        read -rt "$3" line # nobody writes: this is a pause that starts no process
      done
      ;;
    print) cat "$2" ;;
    flood)
      awk -v count="$2" 'BEGIN {
        for (n = 0; n < count; n++) {
          printf "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_01%015d\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"Looking at file %d of many, then at the next one.\"}],\"stop_reason\":null,\"usage\":{\"input_tokens\":100,\"output_tokens\":1}},\"parent_tool_use_id\":null,\"session_id\":\"s\",\"uuid\":\"5b8a2c1e-0000-4000-8000-%012d\"}\n", n, n, n
        }
      }'
      ;;
    esac
    message "m-$turns-end"
    printf '%s\n' '{"type":"result","subtype":"success","is_error":false,"result":"","terminal_reason":"completed"}'
    progress completed
    state idle
    ;;
  esac
done
