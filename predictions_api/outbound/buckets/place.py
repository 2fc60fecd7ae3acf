"""Where a bucket is, and what can be wrong with it. Knows no library of buckets."""

from dataclasses import dataclass, field


class BucketFault(Exception):
    """The bucket cannot be used; the text says why, for whoever gave its address."""


class Missing(BucketFault):
    """There is no such bucket, or no such object in it."""


class Taken(BucketFault):
    """There is an object of that name already, or it is another one than it was."""


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and the keys to it; without keys it is asked as anybody may ask it."""

    bucket: str
    #: Of the service; Amazon's default where empty.
    region: str = ""
    #: The service's address; Amazon's where empty.
    endpoint: str = ""
    key_id: str = ""
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    #: What written objects are encrypted with by the service; its default where empty.
    kms_key_id: str = ""
