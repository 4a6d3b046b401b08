"""The director's HTTP API: what can be asked (`app`), in which words (`status`), and how it is served (`serve`)."""
