# Uploads a file with tuspy, or goes on with what a former run has begun.
# upload.py ENDPOINT FILE STATE [--checksum]
import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

endpoint, path, state, *options = sys.argv[1:]
uploader = TusClient(endpoint).uploader(
    path,
    metadata={"filename": "Grüße 你好.mp4", "filetype": "video/mp4"},
    store_url=True,
    url_storage=FileStorage(state),
    retries=3,
    retry_delay=1,
    upload_checksum="--checksum" in options,
)
uploader.upload()
print(uploader.url)
