"""What editors show of a spec, from what `analyse` knows of it: shapes, explanations, completions, changes.

Each room imports only those before it: places, documents, shapes, lenses, tokens, context, completion, hover, names,
renaming, extracting, actions, outline, server. All but the last know nothing of the protocol: they speak of texts and
of places in them.
"""
