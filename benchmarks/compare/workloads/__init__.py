"""The workloads, one file each; this table is all that knows them."""

from ..workload import Workload
from . import again, between, detail, digest, layout, listing, loop, one, repository, start, surgery, token, within

TABLE: tuple[Workload, ...] = (
    between.WORKLOAD,
    within.WORKLOAD,
    layout.PUSH,
    layout.PULL,
    repository.WORKLOAD,
    again.WORKLOAD,
    loop.WORKLOAD,
    listing.WORKLOAD,
    detail.WORKLOAD,
    start.WORKLOAD,
    digest.WORKLOAD,
    *one.WORKLOADS,
    *token.WORKLOADS,
    *surgery.WORKLOADS,
)
