export default function Page() {
  return <p>Upload to /api/files with any tus 1.0.0 client.</p>
}
