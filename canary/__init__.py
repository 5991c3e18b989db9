"""tidegate's controller: progressive delivery of workloads on Kubernetes.

How a metric is judged does not belong here but in `analysis`, which knows nothing of this package.
"""
