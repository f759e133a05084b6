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
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.serve.PageServer;

/** Serves the live page. */
@Command(
    name = "serve",
    description = {
      "Serve a page that shows what runs, how fast, and what failed, and that starts and stops"
          + " jobs, until Ctrl-C.",
      "Prints the page's link, which has a token. It listens on 127.0.0.1 only."
    },
    footer = {
      "",
      "Jobs that were started from the page stop with it, as Ctrl-C stops them.",
      "`serve.port` sets the port, SERVE_TOKEN in the environment the token; GET /metrics is for"
          + " Prometheus (docs/SERVE.md)."
    })
final class ServeCommand implements Callable<Integer> {
  private static final int TOKEN_BYTES = 20;

  /** What a cookie, a header and an address can all have as it is. */
  private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]{16,200}");

  @Mixin private Common common;

  @Override
  public Integer call() throws InterruptedException {
    Settings settings = common.settings();
    Path runtime = settings.path("runtime.dir");
    CountDownLatch end = new CountDownLatch(1);
    String set = settings.text("serve.token");
    if (!set.isEmpty() && !TOKEN.matcher(set).matches()) {
      throw new UserError(
          "setting serve.token (SERVE_TOKEN) takes 16 to 200 letters, digits, - and _");
    }
    String token = set.isEmpty() ? random() : set;
    Path file = runtime.resolve("serve.json");
    Signals.afterwards("the same command serves the page again");
    Signals.handle(end::countDown, new Terminal(false));
    try (ShareLock lock =
            ShareLock.take(runtime.resolve("serve.lock"), Share.WHOLE, "the page", "serve");
        ServeContent content = new ServeContent(settings, common.overrides());
        PageServer server = new PageServer(settings.port("serve.port"), token, content)) {
      String url = "http://127.0.0.1:" + server.port() + "/";
      write(file, server.port(), url, token);
      System.out.println(
          "The page is at "
              + url
              + (set.isEmpty()
                  ? "?token=" + token
                  : "?token=..., with the token that SERVE_TOKEN (or serve.token) has"));
      System.out.println("Ctrl-C ends it, and the jobs that were started from it.");
      System.out.flush();
      end.await();
      delete(file);
    }
    return 0;
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
}
