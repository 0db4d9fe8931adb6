"""Tools for assistants, over the Model Context Protocol: what they answer, and the server.

Each room imports only those before it: bounds, tools, server. All but the last know nothing of the protocol.
"""
