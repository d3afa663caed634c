// Uploads a file with tus-java-client, or goes on with what a former run has begun.
// Upload ENDPOINT FILE STATE
import io.tus.java.client.ProtocolException;
import io.tus.java.client.TusClient;
import io.tus.java.client.TusExecutor;
import io.tus.java.client.TusURLStore;
import io.tus.java.client.TusUpload;
import io.tus.java.client.TusUploader;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

public class Upload {
  /** One URL, in a file. */
  record Store(Path path) implements TusURLStore {
    public void set(String fingerprint, URL url) {
      try {
        Files.writeString(path, url.toString());
      } catch (IOException error) {
        throw new RuntimeException(error);
      }
    }

    public URL get(String fingerprint) {
      try {
        return Files.exists(path) ? new URL(Files.readString(path)) : null;
      } catch (IOException error) {
        throw new RuntimeException(error);
      }
    }

    public void remove(String fingerprint) {
      path.toFile().delete();
    }
  }

  public static void main(String[] args) throws Exception {
    TusClient client = new TusClient();
    client.setUploadCreationURL(new URL(args[0]));
    client.enableResuming(new Store(Path.of(args[2])));
    TusUpload upload = new TusUpload(new File(args[1]));
    upload.setMetadata(Map.of("filename", "Grüße 你好.mp4", "filetype", "video/mp4"));
    new TusExecutor() {
      @Override
      protected void makeAttempt() throws ProtocolException, IOException {
        TusUploader uploader = client.resumeOrCreateUpload(upload);
        uploader.setChunkSize(256 * 1024);
        while (uploader.uploadChunk() > -1) {}
        uploader.finish();
        System.out.println(uploader.getUploadURL());
      }
    }.makeAttempts();
  }
}
