"""What users write: typed models, the CustomResourceDefinitions made from them, and validation.

Pure: nothing here reads a file, a clock or the network. What the controller decides is in
`canary.core`.
"""
