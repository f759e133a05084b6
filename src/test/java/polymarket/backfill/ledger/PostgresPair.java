package polymarket.backfill.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import polymarket.backfill.TestBed;

/**
 * A PostgreSQL server and its standby, of Debian's package: the embedded one of the other tests has
 * no pg_basebackup.
 */
public final class PostgresPair implements AutoCloseable {

  private static final Duration SOON = Duration.ofSeconds(120);

  // a word that no message has: passwords are masked in all that this JVM prints from then on
  private static final String PASSWORD = "password-of-the-pair";

  private final Path bin;
  private final Path folder;
  private final int port = freePort();
  private final int standbyPort = freePort();

  private PostgresPair(Path bin, Path folder) {
    this.bin = bin;
    this.folder = folder;
  }

  /** The folder of the newest installed server's programs; null where none is installed. */
  public static Path installed() {
    Path versions = Path.of("/usr/lib/postgresql");
    if (!Files.isDirectory(versions)) {
      return null;
    }
    try (Stream<Path> all = Files.list(versions)) {
      return all.map(version -> version.resolve("bin"))
          .filter(
              bin ->
                  Files.isExecutable(bin.resolve("initdb"))
                      && Files.isExecutable(bin.resolve("pg_basebackup")))
          .max(Path::compareTo)
          .orElse(null);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Starts both.
   *
   * @param synchronous whether each commit waits for the standby's disk
   */
  public static PostgresPair start(boolean synchronous) throws IOException {
    PostgresPair pair = new PostgresPair(installed(), Files.createTempDirectory("pair"));
    if (isRoot()) {
      pair.run("chown", "postgres", pair.folder.toString());
    }
    pair.program("initdb", "-D", pair.data(), "-U", "postgres", "-A", "trust");
    pair.serve(pair.data(), pair.port);
    execute(pair.port, "CREATE DATABASE ledgers");
    pair.program(
        "pg_basebackup",
        "-h",
        "127.0.0.1",
        "-p",
        String.valueOf(pair.port),
        "-U",
        "postgres",
        "-D",
        pair.standby(),
        "-R",
        "-c",
        "fast");
    pair.serve(pair.standby(), pair.standbyPort);
    if (synchronous) {
      execute(pair.port, "ALTER SYSTEM SET synchronous_standby_names = '*'");
      execute(pair.port, "SELECT pg_reload_conf()");
    }
    String states = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = '%s'";
    TestBed.await(
        "the standby",
        SOON,
        () -> number(pair.port, String.format(states, synchronous ? "sync" : "async")) == 1);
    return pair;
  }

  private String data() {
    return folder.resolve("primary").toString();
  }

  private String standby() {
    return folder.resolve("standby").toString();
  }

  private void serve(String data, int at) {
    program(
        "pg_ctl",
        "-D",
        data,
        "-o",
        "-p " + at + " -k " + folder + " -c listen_addresses=127.0.0.1",
        "-l",
        data + ".log",
        "-w",
        "start");
  }

  /** A database on both, to be found wherever it can be written. */
  public SharedLedgers database() {
    return new SharedLedgers(
        "jdbc:postgresql://127.0.0.1:"
            + port
            + ",127.0.0.1:"
            + standbyPort
            + "/ledgers?targetServerType=primary",
        "postgres",
        PASSWORD,
        "default");
  }

  /** Ends the server as a power cut does, and starts it again on the same data. */
  public void restart() {
    program("pg_ctl", "-D", data(), "-m", "immediate", "-w", "stop");
    serve(data(), port);
  }

  /** Lets the standby get nothing more of what is committed. */
  public void cutStandby() {
    execute(standbyPort, "ALTER SYSTEM SET primary_conninfo = ''");
    execute(standbyPort, "SELECT pg_reload_conf()");
    TestBed.await(
        "the standby is cut off",
        SOON,
        () -> number(port, "SELECT count(*) FROM pg_stat_replication") == 0);
  }

  /** Makes the standby one that can be written, while the server stays one too. */
  public void split() {
    program("pg_ctl", "-D", standby(), "-w", "promote");
  }

  /** The database on both, where the standby is the first to be asked. */
  public SharedLedgers standbyFirst() {
    return new SharedLedgers(
        "jdbc:postgresql://127.0.0.1:"
            + standbyPort
            + ",127.0.0.1:"
            + port
            + "/ledgers?targetServerType=primary",
        "postgres",
        PASSWORD,
        "default");
  }

  /** How many of these batches of a job the standby knows. */
  public long known(String job, List<Long> batches) {
    return number(
        standbyPort,
        "ledgers",
        "SELECT count(*) FROM "
            + LedgerSchema.name(job)
            + ".batches WHERE batch IN ("
            + batches.stream().map(String::valueOf).collect(Collectors.joining(", "))
            + ")");
  }

  /** Ends the server for good, and makes the standby the one that can be written. */
  public void failOver() {
    program("pg_ctl", "-D", data(), "-m", "immediate", "-w", "stop");
    execute(standbyPort, "ALTER SYSTEM SET synchronous_standby_names = ''");
    program("pg_ctl", "-D", standby(), "-w", "promote");
  }

  private static boolean isRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  /** Runs a program of PostgreSQL, which does not work for root. */
  private void program(String name, String... arguments) {
    List<String> command = new ArrayList<>();
    if (isRoot()) {
      command.addAll(List.of("runuser", "-u", "postgres", "--"));
    }
    command.add(bin.resolve(name).toString());
    command.addAll(Arrays.asList(arguments));
    run(command.toArray(String[]::new));
  }

  private void run(String... command) {
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(
                  ProcessBuilder.Redirect.appendTo(
                      TestBed.PROJECT.resolve("target/tests/pair.log").toFile()))
              .start();
      if (!process.waitFor(SOON.toSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new AssertionError(String.join(" ", command) + ": see target/tests/pair.log");
      }
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Connection connect(int at, String database) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + at + "/" + database, "postgres", PASSWORD);
  }

  private static void execute(int at, String sql) {
    try (Connection connection = connect(at, "postgres");
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  private static long number(int at, String sql) {
    return number(at, "postgres", sql);
  }

  private static long number(int at, String database, String sql) {
    try (Connection connection = connect(at, database)) {
      return Postgres.number(connection, sql);
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    for (String data : List.of(data(), standby())) {
      if (Files.exists(Path.of(data))) {
        try {
          program("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop");
        } catch (AssertionError e) {
          // it has ended already
        }
      }
    }
    TestBed.delete(folder);
  }
}
