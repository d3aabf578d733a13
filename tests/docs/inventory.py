"""The commands of other tools, and the options of each, read from their documentation and sources in autumn 2026.

A command without a verb has the options of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ARTIFACTS: Final = "--digest-tags --external --filter-annotation --filter-artifact-type --format --latest --platform"

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "skopeo": {
        "skopeo": "--command-timeout --debug --insecure-policy --override-arch --override-os --override-variant --policy"
        " --registries.d --require-signed --tls-details --tmpdir --user-agent-prefix -v --version --registries-conf"
        " --authfile --creds --username --password --no-creds --registry-token --cert-dir --tls-verify"
        " --shared-blob-dir --daemon-host --retry-times --retry-delay",
        "skopeo copy": "--additional-tag -a --all --multi-arch --src-authfile --dest-authfile --digestfile"
        " --preserve-digests -f --format -q --quiet --remove-signatures --sign-by --sign-by-sigstore"
        " --sign-by-sigstore-private-key --sign-by-sq-fingerprint --sign-passphrase-file --sign-identity --encrypt-layer"
        " --encryption-key --decryption-key --dest-compress --dest-decompress --dest-compress-format"
        " --dest-compress-level --dest-force-compress-format --dest-oci-accept-uncompressed-layers"
        " --dest-precompute-digests --image-parallel-copies --src-creds --dest-creds --src-tls-verify"
        " --dest-tls-verify --src-cert-dir --dest-cert-dir",
        "skopeo sync": "-s --src -d --dest -a --all --scoped --append-suffix --dry-run --keep-going -f --format"
        " --preserve-digests --digestfile --remove-signatures --sign-by",
        "skopeo inspect": "--config --raw -f --format -n --no-tags --manifest-digest",
        "skopeo list-tags": "",
        "skopeo delete": "",
        "skopeo login": "-u -p --password-stdin --authfile --compat-auth-file --get-login --cert-dir --tls-verify -v",
        "skopeo logout": "--authfile --compat-auth-file -a --all --tls-verify",
        "skopeo manifest-digest": "",
        "skopeo standalone-sign": "",
        "skopeo standalone-verify": "",
        "skopeo generate-sigstore-key": "",
        "skopeo layers": "",
        "skopeo untrusted-signature-dump": "",
        "skopeo experimental-image-proxy": "",
    },
    "crane": {
        "crane": "--allow-nondistributable-artifacts --insecure --platform -v --verbose",
        "crane append": "-b --base -f --new_layer -t --new_tag -o --output --oci-empty-base --set-base-image-annotations",
        "crane auth get": "",
        "crane auth login": "-u -p --password-stdin",
        "crane auth logout": "",
        "crane auth token": "-H --header -m --mount --push",
        "crane blob": "",
        "crane manifest": "",
        "crane config": "",
        "crane catalog": "--full-ref",
        "crane ls": "--full-ref -O --omit-digest-tags",
        "crane copy": "-a --all-tags -n --no-clobber -j --jobs",
        "crane cp": "",
        "crane delete": "",
        "crane tag": "",
        "crane digest": "--full-ref --tarball",
        "crane export": "",
        "crane flatten": "-t",
        "crane index append": "-m --manifest -t --flatten --docker-empty-base",
        "crane index filter": "--platform -t",
        "crane index list": "",
        "crane mutate": "-a --annotation -l --label -e --env --entrypoint --cmd -u --user -w --workdir --exposed-ports"
        " --append --set-platform --repo -t --tag -o --output",
        "crane pull": "--format -c --cache_path --annotate-ref",
        "crane push": "--index --image-refs",
        "crane rebase": "--old_base --new_base -t",
        "crane registry serve": "--address --disk",
        "crane validate": "--remote --tarball --fast",
        "crane edit": "",
        "crane layout gc": "",
        "gcrane ls": "-r --json",
        "gcrane cp": "-r -j",
        "gcrane gc": "-r",
        "krane": "",
    },
    "regctl": {
        "regctl": "-v --verbosity --logopt --host --user-agent",
        "regctl artifact get": "--config --config-file --external -f --file -m --file-media-type --filter-annotation"
        " --filter-artifact-type --latest -o --output -p --platform --slow-referrers --sort-annotation --sort-desc"
        " --subject --strip-dirs",
        "regctl artifact list": f"{_ARTIFACTS} --sort-annotation --sort-desc --slow-referrers",
        "regctl artifact ls": "",
        "regctl artifact tree": "--digest-tags --filter-artifact-type --format",
        "regctl artifact put": "--annotation --artifact-type --by-digest --config-file --config-type --external -f -m"
        " --file-title --index --platform --strip-dirs --subject --format",
        "regctl blob copy": "",
        "regctl blob delete": "",
        "regctl blob diff-config": "--context --context-full --ignore-timestamp",
        "regctl blob diff-layer": "--context --context-full --ignore-timestamp",
        "regctl blob get": "--format",
        "regctl blob get-file": "",
        "regctl blob head": "",
        "regctl blob put": "--digest --format",
        "regctl config get": "",
        "regctl config set": "--blob-limit --default-cred-helper --docker-cert --docker-cred",
        "regctl image check-base": "--base --digest --no-config --platform --quiet",
        "regctl image copy": "--digest-tags --fast --force-recursive --include-external --platform --platforms"
        " --referrers --referrers-src --referrers-tgt --format",
        "regctl image create": "",
        "regctl image export": "--name --compress --platform",
        "regctl image import": "--name",
        "regctl image get-file": "",
        "regctl image inspect": "",
        "regctl image ratelimit": "",
        "regctl image delete": "",
        "regctl image digest": "",
        "regctl image manifest": "",
        "regctl image mod": "--create --replace --annotation --annotation-base --annotation-promote --author"
        " --buildarg-rm --buildarg-rm-regex --config-cmd --config-entrypoint --config-platform --config-time --data-max"
        " --digest-algo --env --expose-add --expose-rm --external-urls-rm --file-tar-time --label"
        " --label-to-annotation --layer-add --layer-compress --layer-rm-created-by --layer-rm-index"
        " --layer-strip-file --layer-time --rebase --rebase-ref --reproducible --time --to-docker --to-oci"
        " --to-oci-referrers --user --volume-add --volume-rm --workdir",
        "regctl index add": "--ref --digest --platform --desc-annotation --desc-platform --digest-tags --referrers",
        "regctl index create": "--ref --digest --platform --annotation --artifact-type --desc-annotation"
        " --desc-platform --digest-tags --referrers --subject --by-digest -m --media-type",
        "regctl index delete": "--digest --platform",
        "regctl manifest delete": "--force-tag-dereference --ignore-missing --referrers",
        "regctl manifest diff": "",
        "regctl manifest get": "--format --platform --require-digest --require-list",
        "regctl manifest head": "--format --platform --require-digest --require-list",
        "regctl manifest put": "--by-digest -t --content-type",
        "regctl registry login": "-u -p --pass-stdin --skip-check",
        "regctl registry logout": "",
        "regctl registry whoami": "",
        "regctl registry config": "",
        "regctl registry set": "--tls --cacert --client-cert --client-key --cred-helper --hostname --mirror --priority"
        " --path-prefix --repo-auth --req-concurrent --req-per-sec --blob-chunk --blob-max --api-opts --skip-check",
        "regctl repo copy": "--concurrent --include --exclude --new-tags --referrers",
        "regctl repo ls": "--last --limit --format",
        "regctl tag ls": "--last --limit --format --include --exclude",
        "regctl tag delete": "--ignore-missing",
        "regctl digest": "--algorithm",
        "regctl ref": "--format",
        "regctl completion": "",
        "regsync server": "",
        "regsync once": "--missing",
        "regsync check": "",
        "regsync config": "",
        "regsync version": "",
        "regsync": "-c --config --abort-on-error",
        "regbot server": "",
        "regbot once": "--dry-run",
    },
    "oras": {
        "oras": "-d --debug --no-tty -u --username -p --password --password-stdin --identity-token"
        " --identity-token-stdin --insecure --plain-http --ca-file --cert-file --key-file --resolve --registry-config -H"
        " --header --distribution-spec --oci-layout --oci-layout-path --platform --format --template",
        "oras push": "--config --artifact-type --artifact-platform --image-spec -a --annotation --annotation-file"
        " --export-manifest --disable-path-validation --force --concurrency",
        "oras pull": "-o -k --keep-old-files -T --allow-path-traversal --include-subject --config --concurrency",
        "oras attach": "--artifact-type --config -a --annotation-file --export-manifest --concurrency",
        "oras discover": "--artifact-type --depth --format",
        "oras cp": "-r --recursive --force --concurrency --from-oci-layout --to-oci-layout",
        "oras copy": "",
        "oras backup": "-o --output --include-referrers --concurrency",
        "oras restore": "--input --exclude-referrers --dry-run --concurrency",
        "oras blob fetch": "-o --descriptor",
        "oras blob push": "--size --media-type --descriptor",
        "oras blob delete": "-f --force --descriptor --pretty",
        "oras manifest fetch": "--media-type -o --descriptor --pretty",
        "oras manifest fetch-config": "-o --descriptor --pretty",
        "oras manifest push": "--media-type --descriptor --pretty --concurrency",
        "oras manifest delete": "-f --descriptor",
        "oras manifest index create": "-a --artifact-type -o",
        "oras manifest index update": "--add --merge --remove --tag --artifact-type -o",
        "oras repo ls": "--last",
        "oras repo tags": "--last --exclude-digest-tags",
        "oras resolve": "-l --full-reference",
        "oras tag": "--concurrency",
        "oras login": "",
        "oras logout": "",
        "oras version": "",
    },
    "docker": {
        "docker login": "-u -p --password-stdin",
        "docker logout": "",
        "docker pull": "-a --platform -q",
        "docker push": "-a -q",
        "docker manifest create": "-a --amend --insecure",
        "docker manifest annotate": "--arch --os --os-features --os-version --variant",
        "docker manifest inspect": "--insecure -v",
        "docker manifest push": "--insecure -p --purge",
        "docker manifest rm": "",
        "docker buildx imagetools": "--builder -D",
        "docker buildx imagetools create": "--annotation --append --dry-run -f --file --metadata-file -p --platform"
        " --prefer-index --progress -t",
        "docker buildx imagetools inspect": "--format --raw",
    },
    "oras-py": dict.fromkeys(
        [
            "login",
            "logout",
            "push",
            "pull",
            "get_tags",
            "delete_tags",
            "get_manifest",
            "upload_manifest",
            "upload_blob",
            "put_upload",
            "chunked_upload",
            "get_blob",
            "download_blob",
            "blob_exists",
            "do_request",
            "NewLayout",
        ],
        "",
    )
    | {"OrasClient": "hostname insecure tls_verify auth_backend"},
    "dxf": {
        f"dxf {command}": ""
        for command in [
            "auth",
            "push-blob",
            "pull-blob",
            "blob-size",
            "mount-blob",
            "del-blob",
            "set-alias",
            "get-alias",
            "del-alias",
            "get-digest",
            "get-manifest",
            "list-aliases",
            "list-repos",
        ]
    }
    | {
        "DXF_HOST": "",
        "DXF_INSECURE": "",
        "DXF_USERNAME": "DXF_PASSWORD",
        "DXF_AUTHORIZATION": "DXF_TOKEN",
        "DXF_AUTH_HOST": "",
        "DXF_PROGRESS": "",
        "DXF_BLOB_INFO": "",
        "DXF_CHUNK_SIZE": "",
        "DXF_SKIPTLSVERIFY": "",
        "DXF_TLSVERIFY": "REQUESTS_CA_BUNDLE",
        "DXF_PLATFORM": "",
        "DXFBase": "",
        "DXF": "",
        "push_blob": "",
        "pull_blob": "",
        "mount_blob": "",
        "set_manifest": "",
        "get_manifest_and_response": "",
        "head_manifest_and_response": "",
    },
}
