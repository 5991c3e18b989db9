"""How the caches keep objects whole: as JSON, deflated, a tenth of its size.

What objects of Kubernetes have in common is in a dictionary that both ways know, so that an object
of a kilobyte needs no text of its own but its names, and is read again in some microseconds.
Equal documents are packed alike: what is packed can be compared without being read.
Source: RFC 1950, section 2.2, whose preset dictionary this is.
"""

import zlib

import orjson

from canary.api.kinds import Manifest

_FASTEST, _WINDOW, _MEMORY = 1, -12, 5
"""A window of 4 KiB, as objects are small, and no header, as only this module reads it."""

#: What stands at the end is found at the least cost.
_DICTIONARY = b"".join(
    (
        b'"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"',
        b'"behavior":{"scaleDown":{"stabilizationWindowSeconds":300,"policies":[{"type":"Percent",',
        b'"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",',
        b'"averageUtilization":80}}}],"minReplicas":1,"maxReplicas":10,',
        b'{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{',
        b'"parentRefs":[{"group":"gateway.networking.k8s.io","kind":"Gateway","namespace":"',
        b'"backendRefs":[{"group":"","kind":"Service","name":"","port":80,"weight":100},',
        b'"matches":[{"path":{"type":"PathPrefix","value":"/"}}],"filters":[',
        b'{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{',
        b'"gateways":["mesh"],"hosts":["',
        b'"http":[{"route":[{"destination":{"host":"-primary"},"weight":100},',
        b'{"destination":{"host":"-canary"},"weight":0}]}]',
        b'"resources":{"limits":{"cpu":"500m","memory":"512Mi"},"requests":{"cpu":"100m",',
        b'"livenessProbe":{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},',
        b'"readinessProbe":{"failureThreshold":3,"periodSeconds":10,"successThreshold":1,',
        b'"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File",',
        b'"imagePullPolicy":"IfNotPresent","dnsPolicy":"ClusterFirst","restartPolicy":"Always",',
        b'"schedulerName":"default-scheduler","securityContext":{},',
        b'"terminationGracePeriodSeconds":30,"env":[{"name":"","value":"","containers":[{"image":"',
        b'"progressDeadlineSeconds":600,"revisionHistoryLimit":10,"replicas":1,"strategy":{',
        b'"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"}',
        b'"selector":{"matchLabels":{"app.kubernetes.io/name":"',
        b'"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"',
        b'{"apiVersion":"flagger.app/v1beta1","kind":"Canary","metadata":{',
        b'"targetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"","service":{"port":80,',
        b'"analysis":{"interval":"1m","threshold":5,"maxWeight":50,"stepWeight":10,"metrics":[',
        b'{"name":"request-success-rate","thresholdRange":{"min":99},"interval":"1m"},',
        b'{"name":"request-duration","thresholdRange":{"max":500},"interval":"1m"}],"webhooks":[',
        b'"history":[{"revision":"","outcome":"Promoted","startedAt":"2026-","durationSeconds":',
        b'"conditions":[{"type":"Ready","status":"True","reason":"Promoted","message":"',
        b'"lastTransitionTime":"2026-","observedGeneration":1,"phase":"Succeeded",',
        b'"type":"Progressing","status":"False","type":"Stalled","failedChecks":0,"iterations":0,',
        b'"lastAppliedSpec":"","lastPromotedSpec":"","canaryWeight":0,"weights":{"primary":100,',
        b'"kubectl.kubernetes.io/last-applied-configuration":"',
        b'"clusterIP":"10.","clusterIPs":["10."],"internalTrafficPolicy":"Cluster",',
        b'"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","sessionAffinity":"None",',
        b'"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":"http"}],',
        b'"selector":{"app":"-primary"},"type":"ClusterIP"}',
        b'{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{"tidegate.dev/',
        b'"labels":{"app.kubernetes.io/managed-by":"tidegate"},"name":"","namespace":"","uid":"',
        b'"creationTimestamp":"2026-","generation":1,"resourceVersion":"',
        b'"ownerReferences":[{"apiVersion":"tidegate.dev/v1beta1","blockOwnerDeletion":true,',
        b'"controller":true,"kind":"Canary","name":"","uid":"',
    )
)


def packed(document: Manifest) -> bytes:
    """Pack a document."""
    packing = zlib.compressobj(
        _FASTEST, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY
    )
    return packing.compress(orjson.dumps(document)) + packing.flush()


def unpacked(content: bytes) -> Manifest:
    """Read what was packed; each call gives a new copy."""
    document: Manifest = orjson.loads(
        zlib.decompressobj(_WINDOW, zdict=_DICTIONARY).decompress(content)
    )
    return document
