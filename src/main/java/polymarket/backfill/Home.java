package polymarket.backfill;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The folder with application.properties, routes/ and the user's own sql/. */
public final class Home {

  private Home() {}

  /** What -Dbackfill.home says, or else the folder that the program was started in. */
  public static Path folder() {
    return Path.of(System.getProperty("backfill.home", ".")).toAbsolutePath().normalize();
  }

  /**
   * A file of the program that a person may replace: the one at that path below the home folder, or
   * else the program's own.
   *
   * @param path relative, such as polymarket/chain-contracts.tsv
   * @throws FileNotFoundException where there is neither
   */
  public static byte[] read(String path) throws IOException {
    Path own = folder().resolve(path);
    if (Files.exists(own)) {
      return Files.readAllBytes(own);
    }
    try (InputStream in = Home.class.getResourceAsStream("/" + path)) {
      if (in == null) {
        throw new FileNotFoundException("there is no such file");
      }
      return in.readAllBytes();
    }
  }
}
