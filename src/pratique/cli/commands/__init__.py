"""The commands, one file each. A new one is a file here and a line below."""

from typing import Final

SUMMARIES: Final = {
    "tags": "list the tags of repositories",
    "repos": "list the repositories of a registry",
    "digest": "print the digests of references",
    "inspect": "show what an image or artifact is",
    "manifest": "read or delete manifests, byte for byte",
    "config": "read the config of an image, byte for byte",
    "blob": "read blobs, byte for byte",
    "copy": "copy from any store to any store, every digest kept",
    "tag": "give what is there further names",
    "delete": "delete tags, or manifests by their digest",
    "artifact": "push files as an artifact, or pull the files of one",
    "attach": "attach files to what is there",
    "referrers": "list what refers to an image or artifact",
    "append": "put layers on top of an image",
    "mutate": "change settings and annotations of an image",
    "flatten": "make one layer of all layers of an image",
    "recompress": "pack the layers of an image in another way",
    "export": "write the file system of an image as a tar",
    "ls-files": "list the files of an image",
    "cat": "print a file of an image",
    "validate": "check that all of an image is what its digests say",
    "login": "store a credential for a registry",
    "logout": "forget a stored credential",
    "auth": "explain a refusal; print a token",
    "serve": "run the embedded registry",
    "gc": "remove what nothing needs from the folder of the embedded registry",
    "completion": "print a script for completion in a shell",
    "demo": "show what Pratique does, on a registry of its own",
}
