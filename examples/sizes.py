"""Report how large the repositories of an organisation are: what several images share is counted once.

sizes.py localhost:5000 org
"""

import argparse
import asyncio
import json
import sys

import pratique.aio


async def main() -> None:
    parser = argparse.ArgumentParser(description="Report how large the repositories of an organisation are.")
    parser.add_argument("registry", help="one that lists its repositories, for instance localhost:5000")
    parser.add_argument("organisation", nargs="?", default="", help="what the names begin with; all without one")
    parser.add_argument("--json", action="store_true", help="print one document")
    said = parser.parse_args()
    prefix = f"{said.organisation}/" if said.organisation else ""
    async with pratique.aio.connect() as registries:
        names = [name async for name in registries.repositories(said.registry) if name.startswith(prefix)]
        found = await asyncio.gather(*(size(registries.repository(f"{said.registry}/{name}")) for name in names))
    rows = sorted(zip(names, found, strict=True), key=lambda row: -row[1][1])
    if said.json:
        print(
            json.dumps([{"repository": name, "tags": tags, "bytes": total} for name, (tags, total) in rows], indent=2)
        )
        return
    for name, (tags, total) in rows:
        print(f"{total / 2**20:12,.1f} MiB  {tags:6} tags  {name}")
    print(f"{sum(total for _, (_, total) in rows) / 2**20:12,.1f} MiB  in all")


async def size(repository: pratique.aio.Repository) -> tuple[int, int]:
    tags = [tag async for tag in repository.tags()]
    parts: dict[pratique.Digest, int] = {}
    async for found in repository.inspections(tags):
        parts[found.digest] = found.manifest.descriptor.size
        for image in found.images:
            layers = {layer.digest: layer.size for layer in image.layers}
            parts |= layers | {image.descriptor.digest: image.size - sum(layers.values())}
    return len(tags), sum(parts.values())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except pratique.Error as error:
        sys.exit(f"sizes: {error}")
