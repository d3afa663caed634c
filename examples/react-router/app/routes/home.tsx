export default function Home() {
  return <p>Upload to /api/files with any tus 1.0.0 client.</p>
}
