"""A Hugging Face Hub on loopback for tests, which answers as the real one does, or wrongly where a test asks for it.

It follows huggingface_hub 2.4.0: `dataset_info`, `list_repo_tree`, `list_repo_refs`, `get_paths_info`, `auth_check`,
`resolve_revision`, `hf_hub_download`, `snapshot_download` and `HfFileSystem` work against it unmodified, through
`endpoint=hub.endpoint` or HF_ENDPOINT. A second server, on another port and so of another origin, stands for the CDN.

    with Hub() as hub:
        commit = hub.put("someone/catalogue", folder)
        hub.fail(Drop(after_bytes=1000), server="cdn")
        hf_hub_download("someone/catalogue", "a.jsonl", repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache)
        assert hub.applied == [Drop(after_bytes=1000)]

`hub.pace` limits the bytes per second of each connection, and of all together.

It takes writes of data sets from the same client without Xet: `create_repo`, `create_branch`, `preupload_lfs_files`
and `create_commit`, with tokens that `hub.token` issues. Of models and spaces it knows which there are (`hub.other`).

What it does not imitate: TLS and HTTP/2; models and spaces themselves; tags and pull requests; bodies in gzip; the
redirect of small files to `/api/resolve-cache` on the Hub itself; signed links that expire (`Status(403)` on the CDN
stands for that); tokens that nobody issued (a public repository takes any; `Status(401)` stands for that); several
ranges in one request (answered whole, as HTTP allows); Xet itself (`hub.xet` announces it, its routes answer 404). The
hashes of directories and of Xet are made up. Requests to `/api` about anything but repositories, which the client
makes now and then for itself, get a 404; they are neither recorded nor failed. A fault of a write comes before
anything is done, but for `Lost`, `CommitBetween` and `Stall(done=True)`.
"""

from __future__ import annotations

from tests.servers.hub.faults import (
    CommitBetween,
    Drop,
    Fault,
    Html,
    IgnoreRange,
    Json,
    Longer,
    Lost,
    Refuse,
    Short,
    Slow,
    Stall,
    Status,
    TooManyRequests,
    WrongBytes,
    WrongRange,
    WrongSize,
)
from tests.servers.hub.hub import Hub, Request

__all__ = [
    "CommitBetween",
    "Drop",
    "Fault",
    "Html",
    "Hub",
    "IgnoreRange",
    "Json",
    "Longer",
    "Lost",
    "Refuse",
    "Request",
    "Short",
    "Slow",
    "Stall",
    "Status",
    "TooManyRequests",
    "WrongBytes",
    "WrongRange",
    "WrongSize",
]
