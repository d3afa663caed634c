/**
 * A page that uploads the file of its picker with Uppy or with tus-js-client, as a test tells it. The client that runs
 * is `window.client`: `done` resolves with the URL of the upload.
 */
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'
import { Upload } from 'tus-js-client'

const file = () => document.querySelector('#picker').files[0]

window.startUppy = (options) => {
  const uppy = new Uppy().use(Tus, options)
  const { name, type } = file()
  const id = uppy.addFile({ name, type, data: file() })
  const client = { sent: 0, stop: () => uppy.pauseResume(id), resume: () => uppy.pauseResume(id) }
  uppy.on('upload-progress', (_, { bytesUploaded }) => {
    client.sent = bytesUploaded
  })
  client.done = uppy.upload().then(({ successful, failed }) => {
    if (failed.length > 0) throw new Error(failed[0].error)
    return successful[0].uploadURL
  })
  window.client = client
}

/** Goes on with what the browser's storage remembers, if there is something. */
window.startTus = async (options) => {
  const client = { sent: 0 }
  client.done = new Promise((resolve, reject) => {
    const upload = new Upload(file(), {
      metadata: { filename: file().name, filetype: file().type },
      removeFingerprintOnSuccess: true,
      onProgress(sent) {
        client.sent = sent
      },
      onError: reject,
      onSuccess: () => resolve(upload.url),
      ...options,
    })
    client.stop = () => upload.abort()
    client.resume = () => upload.start()
    client.begin = async () => {
      const [previous] = await upload.findPreviousUploads()
      if (previous) upload.resumeFromPreviousUpload(previous)
      upload.start()
    }
  })
  window.client = client
  await client.begin()
}

/** @returns status and fields of an answer, as far as a page of this origin may read them */
window.ask = async (url, init) => {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return { status: response.status, fields: Object.fromEntries(response.headers) }
}
