export default (): string => 'Upload to /api/files/ with any tus 1.0.0 client.\n'
