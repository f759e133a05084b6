package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.serve.PageServer;

/** The live page while it is served: by {@code serve}, or by {@code run --page} for one run. */
final class ServedPage implements AutoCloseable {

  private static final int TOKEN_BYTES = 20;

  /** What a cookie, a header and an address can all have as it is. */
  private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]{16,200}");

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
    Path runtime = settings.path("runtime.dir");
    ShareLock lock =
        ShareLock.take(runtime.resolve("serve.lock"), Share.WHOLE, "the page", "serve");
    ServeContent content = null;
    try {
      content = new ServeContent(settings, overrides, scheduled);
      PageServer server = new PageServer(settings.port("serve.port"), token, content);
      String url = "http://127.0.0.1:" + server.port() + "/";
      Path file = runtime.resolve("serve.json");
      ServedPage page =
          new ServedPage(
              file,
              url
                  + (set.isEmpty()
                      ? "?token=" + token
                      : "?token=..., with the token that SERVE_TOKEN (or serve.token) has"),
              lock,
              content,
              server);
      write(file, server.port(), url, token);
      return page;
    } catch (RuntimeException e) {
      if (content != null) {
        content.close();
      }
      lock.close();
      throw e;
    }
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
  private static void write(Path file, int port, String url, String token) {
    Map<String, Object> served = new LinkedHashMap<>();
    served.put("pid", ProcessHandle.current().pid());
    served.put("port", port);
    served.put("url", url);
    served.put("token", token);
    try {
      Path temporary = Files.createTempFile(file.getParent(), "serve", ".new");
      if (temporary.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-------"));
      }
      // without a mask: the token is what others need of it
      Files.writeString(temporary, new ObjectMapper().writeValueAsString(served) + "\n");
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

  @Override
  public void close() {
    delete(file);
    server.close();
    content.close();
    lock.close();
  }
}
