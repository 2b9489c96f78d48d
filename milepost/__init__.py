"""The `milepost` command, which joins poc, metrics, roadmap and dashboard; and the face for programs that embed it."""
