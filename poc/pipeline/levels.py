"""The highest level of the service, apart from the stages, so that a command that only asks for it starts fast."""

#: The highest level that is built.
HIGHEST_LEVEL = 5
