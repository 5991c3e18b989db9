-- Gives a command as an annotation. It is not signed: Argo CD writes with its own account.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["tidegate.dev/VERB"] = "via argocd at " .. os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
