"""A page in the browser that follows a spec's file: what it shows, and the server of this machine alone.

Each room imports only those before it: state, server. The first knows nothing of the web.
"""
