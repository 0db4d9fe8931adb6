"""Models that exist as specs: recorded, compared with themselves in other settings, written, and verified.

`making` makes the model under observation, `recording` runs it, `merging` joins a run in training with one in
evaluation, `grouping` finds loops, `blocks` what the uses of a class have in common, `solving` the numbers as
expressions, `rendering` writes the spec, `verifying` holds it against the model, and `importing` goes the whole way.
`configurations` makes the models of transformers. `tables` reads model tables of ultralytics, and runs nothing.
All but `gaps`, `library`, `naming`, `solving`, `tables` and `yaml_text` import torch.
"""
