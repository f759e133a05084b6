package polymarket.backfill;

import java.nio.file.Path;

/** The folder with application.properties, routes/ and the user's own sql/. */
public final class Home {

  private Home() {}

  /** What -Dbackfill.home says, or else the folder that the program was started in. */
  public static Path folder() {
    return Path.of(System.getProperty("backfill.home", ".")).toAbsolutePath().normalize();
  }
}
