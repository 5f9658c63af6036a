"""Stories that a machine lives through, and the streams of chance they are drawn from.

Everything here is drawn before any design sees it, so all designs meet the same requests.
"""
