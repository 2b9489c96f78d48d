"""Places where partners put files and take files from: folders, SFTP servers, S3 buckets and web addresses."""
