"""A partner to practise on, which misbehaves by a plan."""
