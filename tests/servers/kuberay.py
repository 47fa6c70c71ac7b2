"""A JSON schema for `configs/cluster/rayjob.yaml`: the fields that KubeRay 1.5.1 accepts in a RayJob.

The facts are from KubeRay's custom resource definition of `ray.io/v1`. A field that is not listed is an error here;
Kubernetes drops an unknown field silently unless it is told to be strict.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
YES_OR_NO: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
QUANTITY: Schema = {
    "anyOf": [NUMBER, {"type": "string", "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE])?$"}]
}
QUANTITIES: Schema = {"type": "object", "additionalProperties": QUANTITY}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def fields(*required: str, **types: Schema) -> Schema:
    """Returns the schema of an object with these fields and no others."""
    return {"type": "object", "properties": types, "required": list(required), "additionalProperties": False}


RESOURCES = fields(requests=QUANTITIES, limits=QUANTITIES)
FROM_OTHERS = many(
    fields(
        prefix=TEXT,
        secretRef=fields(name=NAME, optional=YES_OR_NO),
        configMapRef=fields(name=NAME, optional=YES_OR_NO),
    )
)
CONTAINER = fields(
    "name",
    name=NAME,
    image=TEXT,
    imagePullPolicy=one_of("Always", "IfNotPresent", "Never"),
    env=many(fields("name", name=TEXT, value=TEXT)),
    envFrom=FROM_OTHERS,
    ports=many(fields("containerPort", containerPort=NUMBER, name=NAME, protocol=TEXT)),
    resources=RESOURCES,
    volumeMounts=many(
        fields("name", "mountPath", name=NAME, mountPath=TEXT, readOnly=YES_OR_NO, subPath=TEXT),
    ),
)
VOLUME = fields(
    "name",
    name=NAME,
    emptyDir=fields(medium=one_of("", "Memory"), sizeLimit=QUANTITY),
    configMap=fields(name=NAME, optional=YES_OR_NO, items=many(fields("key", "path", key=TEXT, path=TEXT))),
)
POD = fields(
    "spec",
    metadata=fields(labels=TEXTS, annotations=TEXTS),
    spec=fields(
        "containers",
        containers={**many(CONTAINER), "minItems": 1},
        volumes=many(VOLUME),
        restartPolicy=one_of("Always", "OnFailure", "Never"),
        serviceAccountName=NAME,
        nodeSelector=TEXTS,
    ),
)
HEAD_GROUP = fields("template", rayStartParams=TEXTS, template=POD, serviceType=TEXT)
WORKER_GROUP = fields(
    *("groupName", "minReplicas", "maxReplicas", "template"),
    groupName=TEXT,
    replicas=NUMBER,
    minReplicas=NUMBER,
    maxReplicas=NUMBER,
    numOfHosts=NUMBER,
    rayStartParams=TEXTS,
    template=POD,
)
CLUSTER = fields(
    "headGroupSpec",
    rayVersion=TEXT,
    authOptions=fields(mode=one_of("disabled", "token")),
    enableInTreeAutoscaling=YES_OR_NO,
    autoscalerOptions=fields(
        version=one_of("v1", "v2"),
        idleTimeoutSeconds=NUMBER,
        upscalingMode=one_of("Default", "Aggressive", "Conservative"),
        resources=RESOURCES,
        envFrom=FROM_OTHERS,
    ),
    headGroupSpec=HEAD_GROUP,
    workerGroupSpecs=many(WORKER_GROUP),
)
RAY_JOB = fields(
    *("apiVersion", "kind", "metadata", "spec"),
    apiVersion=one_of("ray.io/v1"),
    kind=one_of("RayJob"),
    metadata=fields("name", name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS),
    spec=fields(
        entrypoint=TEXT,
        backoffLimit=NUMBER,
        activeDeadlineSeconds=NUMBER,
        shutdownAfterJobFinishes=YES_OR_NO,
        ttlSecondsAfterFinished=NUMBER,
        submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
        suspend=YES_OR_NO,
        rayClusterSpec=CLUSTER,
    ),
)
