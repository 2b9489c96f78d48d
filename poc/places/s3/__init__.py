"""Folders of S3 buckets as places, over botocore; the extra `s3`."""
