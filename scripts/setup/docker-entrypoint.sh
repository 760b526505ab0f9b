#!/bin/sh
# Does what the entrypoint of the official Node images does: `docker run IMAGE --version`, `docker run IMAGE app.js`
# and `docker run IMAGE npm test` all work, and Node stays PID 1.
set -e

case "$1" in
  -*) set -- node "$@" ;;
  *)
    found=$(command -v -- "$1" || true)
    # Not a command, or a file that only Node can run.
    if [ -z "$found" ] || { [ -f "$1" ] && [ ! -x "$1" ]; }; then
      set -- node "$@"
    fi
    ;;
esac

exec "$@"
