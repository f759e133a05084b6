package polymarket.backfill.embedded;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import polymarket.backfill.OsSignal;
import polymarket.backfill.Self;
import polymarket.backfill.UserError;

/**
 * A process's attachment to the embedded ClickHouse of a data folder. The engine is a separate
 * process, shared by all users of the folder; it ends within two seconds after the last of them has
 * detached or died and running requests have finished.
 */
public final class EmbeddedClickHouse implements AutoCloseable {
  private static final long START_MS = 60_000;
  private static final int LOG_LIMIT = 1 << 20;

  /**
   * The environment variables that are passed to an engine's process; the others are not, because
   * they may contain keys and passwords.
   */
  static final Set<String> ENVIRONMENT =
      Set.of("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ");

  private final Path data;
  private final int port;
  private final String password;
  private final Path files;
  private boolean ownEngine;
  private Socket socket;
  private URI url;
  private long pid;
  private int logBefore;

  private EmbeddedClickHouse(Path data, int port, String password, Path files) {
    this.data = data;
    this.port = port;
    this.password = password;
    this.files = files;
  }

  /** Whether the engine's library is installed; who uses a server needs none. */
  public static boolean isInstalled() {
    return Files.isRegularFile(Chdb.file());
  }

  /**
   * Attaches to the engine that serves a data folder, or starts one and attaches to it (about 1 s).
   * Its log is {@code engine.log} in the folder.
   *
   * @param dataFolder created if it does not exist
   * @param port the port of a new engine on 127.0.0.1; 0 for any free one. A running engine keeps
   *     its port
   * @throws UserError if the engine does not start: the library is missing, the port is taken, or a
   *     process that does not answer has the folder
   */
  public static EmbeddedClickHouse attach(Path dataFolder, int port) {
    return attach(dataFolder, port, "", null);
  }

  /**
   * @param password the folder's new password; empty to keep the current one
   * @param files null, or a folder whose files statements may read and write. A running engine
   *     keeps its own
   */
  public static EmbeddedClickHouse attach(Path dataFolder, int port, String password, Path files) {
    if (files != null && !Files.isDirectory(files)) {
      throw new UserError(
          "embedded ClickHouse: the folder of clickhouse.embedded.files, "
              + files
              + ", is not a directory");
    }
    EmbeddedClickHouse engine =
        new EmbeddedClickHouse(dataFolder.toAbsolutePath().normalize(), port, password, files);
    engine.reattach();
    return engine;
  }

  /** The engine's one user. */
  public String user() {
    return EnginePassword.USER;
  }

  /** The password of the engine's data folder. */
  public String password() {
    return EnginePassword.ensure(data, password);
  }

  private Path passwordFile() {
    return EnginePassword.file(data);
  }

  /**
   * Keeps the engine of a data folder running until SIGINT or SIGTERM, and restarts it if it is
   * killed. When it is ready, prints its address and instructions for clients to standard output.
   * The engine is a separate process, as for {@link #attach}, without this one's environment.
   *
   * @throws UserError if an engine already serves the folder (the message has its pid and URL), or
   *     as {@link #attach}
   */
  public static void serveForeground(Path dataFolder, int port, String password, Path files) {
    CountDownLatch end = new CountDownLatch(1);
    for (String signal : new String[] {"INT", "TERM"}) {
      OsSignal.handle(signal, end::countDown);
    }
    try (EmbeddedClickHouse engine = attach(dataFolder, port, password, files)) {
      if (!engine.ownEngine) {
        throw new UserError(
            "embedded ClickHouse: another process (pid "
                + engine.pid()
                + ") serves "
                + engine.data
                + " already at "
                + engine.url()
                + ", with the password in "
                + engine.passwordFile()
                + "; use that one, or stop it first");
      }
      System.out.println(engine.greeting(!password.isEmpty()));
      while (!end.await(500, TimeUnit.MILLISECONDS)) {
        engine.reattach();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // a password that the user has chosen is not printed to terminals and logs
  private String greeting(boolean chosen) {
    String shown = chosen ? "PASSWORD" : password();
    return String.join(
        "\n",
        "ClickHouse at " + url() + " with the data in " + data + "; stop it with Ctrl-C",
        "user default, password " + (chosen ? "as set" : shown) + " (" + passwordFile() + ")",
        "",
        "  curl: curl --user 'default:" + shown + "' --data-binary 'SELECT 1' " + url(),
        "  clickhouse-jdbc: jdbc:clickhouse:" + url() + "/default?user=default&password=" + shown,
        "  @clickhouse/client: createClient({ url: '" + url() + "', password: '" + shown + "' })",
        "  clickhouse-connect: clickhouse_connect.get_client(host='127.0.0.1', port="
            + url().getPort()
            + ", password='"
            + shown
            + "')");
  }

  /**
   * The engine's URL: http://127.0.0.1:port. An engine that replaces a dead one has the same port.
   */
  public synchronized URI url() {
    return url;
  }

  /** The engine's process id. */
  public synchronized long pid() {
    return pid;
  }

  /** Whether the engine that this object is attached to is still running. */
  public synchronized boolean isAlive() {
    if (socket == null || socket.isClosed()) {
      return false;
    }
    try {
      socket.setSoTimeout(1);
      return socket.getInputStream().read() >= 0;
    } catch (java.net.SocketTimeoutException e) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Attaches again, to a new engine if the old one died; does nothing while it runs.
   *
   * @throws UserError as {@link #attach}
   */
  public synchronized void reattach() {
    if (isAlive()) {
      return;
    }
    close();
    String secret = password();
    Process started = null;
    long end = System.nanoTime() + START_MS * 1_000_000;
    while (System.nanoTime() < end) {
      if (tryAttach(secret)) {
        ownEngine = started != null;
        return;
      }
      if (started == null) {
        started = spawn();
      } else if (!started.isAlive()) {
        if (started.exitValue() != EngineProcess.OTHER_SERVES) {
          throw new UserError(
              "embedded ClickHouse did not start: " + logTail() + " (log: " + log() + ")");
        }
        started = null;
      }
      try {
        TimeUnit.MILLISECONDS.sleep(30);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new UserError("embedded ClickHouse: interrupted while it was starting");
      }
    }
    if (started != null) {
      started.destroy();
    }
    throw new UserError(
        "embedded ClickHouse did not answer within "
            + START_MS / 1000
            + " s: "
            + logTail()
            + " (log: "
            + log()
            + "); if another process holds "
            + data
            + ", stop it");
  }

  /** Detaches from the engine. */
  @Override
  public synchronized void close() {
    if (socket != null) {
      try {
        socket.close();
      } catch (IOException e) {
        // gone already
      }
      socket = null;
    }
  }

  // a stale file may name a port that now belongs to another program: the answer has to name this
  // folder and prove that it knows the password, which is not sent before
  private boolean tryAttach(String secret) {
    EngineProcess.Info info = EngineProcess.Info.read(data);
    if (info == null) {
      return false;
    }
    String nonce = UUID.randomUUID().toString();
    Socket s = new Socket();
    try {
      s.connect(
          new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), info.port()),
          2_000);
      s.setSoTimeout(5_000);
      s.getOutputStream()
          .write(
              String.join(
                      "\r\n",
                      "GET " + EngineServer.ATTACH + " HTTP/1.1",
                      "Host: 127.0.0.1:" + info.port(),
                      EngineServer.NONCE_HEADER + ": " + nonce,
                      EngineServer.PROOF_HEADER
                          + ": "
                          + EnginePassword.proof(
                              secret, EngineServer.said("client", nonce, info.port())),
                      "",
                      "")
                  .getBytes(StandardCharsets.US_ASCII));
      BufferedReader in =
          new BufferedReader(new InputStreamReader(s.getInputStream(), StandardCharsets.UTF_8));
      String status = in.readLine();
      boolean ours = false;
      boolean proved = false;
      long itsPid = info.pid();
      for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
        String[] header = line.split(": ", 2);
        if (header[0].equalsIgnoreCase(EngineServer.DATA_HEADER)) {
          ours = samePlace(Path.of(URLDecoder.decode(header[1], StandardCharsets.UTF_8)));
        } else if (header[0].equalsIgnoreCase(EngineServer.PID_HEADER)) {
          itsPid = Long.parseLong(header[1]);
        } else if (header[0].equalsIgnoreCase(EngineServer.PROOF_HEADER)) {
          proved =
              EnginePassword.same(
                  header[1],
                  EnginePassword.proof(secret, EngineServer.said("engine", nonce, info.port())));
        }
      }
      if (ours && proved && status.startsWith("HTTP/1.1 200")) {
        socket = s;
        url = URI.create(info.url());
        pid = itsPid;
        return true;
      }
    } catch (IOException | NumberFormatException e) {
      // no engine there
    }
    try {
      s.close();
    } catch (IOException e) {
      // not open
    }
    return false;
  }

  private boolean samePlace(Path other) throws IOException {
    return other.equals(data) || Files.exists(other) && Files.isSameFile(other, data);
  }

  private Process spawn() {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1"));
    command.addAll(Self.archive());
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.add("-Dchdb.lib=" + Chdb.library());
    command.addAll(
        List.of(
            "-cp",
            Self.classPath(),
            EngineProcess.class.getName(),
            data.toString(),
            String.valueOf(url == null ? port : url.getPort())));
    if (files != null) {
      command.add(files.toAbsolutePath().toString());
    }
    try {
      for (Path written : Files.exists(log()) ? List.of(data, log()) : List.of(data)) {
        if (!Files.isWritable(written)) {
          throw new AccessDeniedException(written.toString());
        }
      }
      if (Files.exists(log()) && Files.size(log()) > LOG_LIMIT) {
        Files.delete(log());
      }
      logBefore = Files.exists(log()) ? logLines().size() : 0;
      if (!Files.exists(log())) {
        Files.createFile(log(), EnginePassword.ownersOnly("rw-------"));
      }
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
      builder.environment().keySet().retainAll(ENVIRONMENT);
      if (files != null) {
        // the base of relative paths and of tables named after files
        builder.directory(files.toFile());
      }
      return builder.start();
    } catch (IOException e) {
      throw new UserError(
          "embedded ClickHouse: cannot start it with its data in "
              + data
              + ": "
              + UserError.reason(e)
              + "; make it writable, or set clickhouse.data to a writable folder");
    }
  }

  private Path log() {
    return data.resolve("engine.log");
  }

  private List<String> logLines() throws IOException {
    return Files.readAllLines(log(), StandardCharsets.ISO_8859_1).stream()
        .filter(l -> !l.isBlank())
        .toList();
  }

  private String logTail() {
    try {
      List<String> lines = logLines();
      int from = Math.min(logBefore, lines.size());
      return from == lines.size()
          ? "its log is empty"
          : String.join(" | ", lines.subList(Math.max(from, lines.size() - 3), lines.size()));
    } catch (IOException e) {
      return "it has no log";
    }
  }
}
