"""Onboarding: proposals of a feed and a contract from a sample file, and the files of a new partner.

A proposal is for a person to read. It is made only when somebody asks for one, never while files are exchanged.
"""
