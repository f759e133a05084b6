package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.serve.PageServer;

/** The live page while it is served: by {@code serve}, or by {@code run --page} for one run. */
final class ServedPage implements AutoCloseable {

  private static final int TOKEN_BYTES = 20;

  private static final ObjectMapper JSON =
      new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

  /** What a cookie, a header and an address can all have as it is. */
  private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]{16,200}");

  /**
   * What other processes read to find the page, in the file serve.json.
   *
   * @param link the address that a person opens first
   * @param key what a command line has to know to post a run
   * @param takesRuns whether runs can be posted: to {@code serve}, not to a run that shows itself
   * @param home the project's folder
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Served(
      long pid,
      int port,
      String url,
      String token,
      String link,
      String key,
      boolean takesRuns,
      String home) {}

  private final Path file;
  private final String link;
  private final ShareLock lock;
  private final ServeContent content;
  private final PageServer server;

  private ServedPage(
      Path file, String link, ShareLock lock, ServeContent content, PageServer server) {
    this.file = file;
    this.link = link;
    this.lock = lock;
    this.content = content;
    this.server = server;
  }

  /**
   * Serves the page.
   *
   * @param overrides the values of --set, which what is started from the page gets too
   * @param scheduled whether schedules are kept
   * @throws UserError if a page is served in this folder already, the port is taken, or a setting
   *     is wrong
   */
  static ServedPage open(Settings settings, Map<String, String> overrides, boolean scheduled) {
    String set = settings.text("serve.token");
    if (!set.isEmpty() && !TOKEN.matcher(set).matches()) {
      throw new UserError(
          "setting serve.token (SERVE_TOKEN) takes 16 to 200 letters, digits, - and _");
    }
    String token = set.isEmpty() ? random() : set;
    ShareLock lock =
        ShareLock.take(
            lockFile(settings),
            Share.WHOLE,
            "the page",
            "serve",
            ", or with `backfill stop serve`");
    ServeContent content = null;
    try {
      String key = random();
      content = new ServeContent(settings, overrides, scheduled, key);
      PageServer server = new PageServer(settings.port("serve.port"), token, key, content);
      String url = "http://127.0.0.1:" + server.port() + "/";
      String link =
          url
              + (set.isEmpty()
                  ? "?token=" + token
                  : "?token=..., with the token that SERVE_TOKEN (or serve.token) has");
      Path file = file(settings);
      ServedPage page = new ServedPage(file, link, lock, content, server);
      long pid = ProcessHandle.current().pid();
      String home = Common.home().toString();
      write(file, new Served(pid, server.port(), url, token, link, key, scheduled, home));
      return page;
    } catch (RuntimeException e) {
      if (content != null) {
        content.close();
      }
      lock.close();
      throw e;
    }
  }

  private static Path file(Settings settings) {
    return settings.path("runtime.dir").resolve("serve.json");
  }

  private static Path lockFile(Settings settings) {
    return settings.path("runtime.dir").resolve("serve.lock");
  }

  /**
   * The page that is served in the runtime folder. The lock proves that it is: the file of a
   * process that was killed is deleted, and nobody asks the port that it names.
   */
  static Optional<Served> find(Settings settings) {
    Path file = file(settings);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    List<ShareLock.Holder> holders = ShareLock.holders(lockFile(settings));
    try {
      Served served = JSON.readValue(file.toFile(), Served.class);
      if (holders.stream().anyMatch(holder -> holder.process().pid() == served.pid())) {
        return Optional.of(served);
      }
    } catch (IOException e) {
      // another version's, or deleted just now; whether someone serves is what counts
    }
    if (holders.isEmpty()) {
      delete(file);
    }
    return Optional.empty();
  }

  /** The address that a person opens first. */
  String link() {
    return link;
  }

  private static String random() {
    byte[] random = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  /**
   * Writes what other processes read to find the page; the file is complete, and the user's alone,
   * when it appears.
   */
  private static void write(Path file, Served served) {
    try {
      Path temporary = Files.createTempFile(file.getParent(), "serve", ".new");
      if (temporary.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-------"));
      }
      // without a mask: the token is what others need of it
      Files.writeString(temporary, JSON.writeValueAsString(served) + "\n");
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UserError("cannot write " + file + ": " + UserError.reason(e));
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      System.err.println("backfill: cannot delete " + file + ": " + UserError.reason(e));
    }
  }

  /** Stops what was started, sends those who follow it its end, and ends. */
  @Override
  public void close() {
    delete(file);
    content.close();
    server.close();
    lock.close();
  }
}
