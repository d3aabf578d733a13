"""The version of Pratique. A checkout has none; in what is built, that of the tag stands here (`release/hook.py`)."""

VERSION = "0.dev0"
