package polymarket.backfill.embedded;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import polymarket.backfill.OsSignal;
import polymarket.backfill.UserError;

/**
 * The process that has a data folder open. It locks {@code engine.lock} in it, which the system
 * unlocks when the process ends for any reason, and writes its pid and port to {@code engine.json}.
 */
final class EngineProcess implements AutoCloseable {
  /** Exit code of a spawned process that found another one serving the folder. */
  static final int OTHER_SERVES = 75;

  private static final long START_ALONE_MS = 30_000;
  private static final long LEFT_ALONE_MS = 500;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The content of engine.json; it is valid only if the engine that it names answers. */
  record Info(long pid, int port) {
    static Info read(Path data) {
      try {
        JsonNode json = JSON.readTree(data.resolve("engine.json").toFile());
        return json.hasNonNull("pid") && json.hasNonNull("port")
            ? new Info(json.get("pid").asLong(), json.get("port").asInt())
            : null;
      } catch (IOException e) {
        return null;
      }
    }

    String url() {
      return "http://127.0.0.1:" + port;
    }
  }

  private final Path data;
  private final FileChannel channel;
  private final FileLock lock;
  private EngineServer server;

  private EngineProcess(Path data, FileChannel channel, FileLock lock) {
    this.data = data;
    this.channel = channel;
    this.lock = lock;
  }

  /** Locks the folder for this process; null if another one has it. */
  private static EngineProcess lock(Path data) {
    try {
      EnginePassword.createFolder(data);
      FileChannel channel =
          FileChannel.open(
              data.resolve("engine.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = null;
      try {
        lock = channel.tryLock();
      } catch (OverlappingFileLockException e) {
        // this process has the lock itself
      }
      if (lock == null) {
        channel.close();
        return null;
      }
      return new EngineProcess(data, channel, lock);
    } catch (IOException e) {
      throw new UserError(
          "embedded ClickHouse: cannot use the data folder "
              + data
              + ": "
              + UserError.reason(e)
              + "; make it writable, or set clickhouse.data to a writable folder");
    }
  }

  private void start(int port, Path files) {
    try {
      Files.deleteIfExists(data.resolve("engine.json"));
      server = new EngineServer(data, port, files);
      Path temporary = data.resolve("engine.json.new");
      Files.deleteIfExists(temporary);
      Files.createFile(temporary, EnginePassword.ownersOnly("rw-------"));
      JSON.writeValue(
          temporary.toFile(), Map.of("pid", ProcessHandle.current().pid(), "port", server.port()));
      Files.move(
          temporary,
          data.resolve("engine.json"),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UserError(
          "embedded ClickHouse: cannot write to the data folder "
              + data
              + ": "
              + UserError.reason(e));
    }
  }

  @Override
  public void close() {
    try {
      if (server != null) {
        // no new client is sent here; a process that starts now finds the lock taken, and waits
        Files.deleteIfExists(data.resolve("engine.json"));
        server.close();
      }
      lock.release();
      channel.close();
    } catch (IOException e) {
      throw new UserError("embedded ClickHouse: cannot close the data folder " + data + ": " + e);
    }
  }

  /**
   * The background process: ends when no process is attached any more, or on SIGTERM. It ignores
   * SIGINT and SIGHUP, because Ctrl-C is sent to every process of the terminal, and processes that
   * are storing their last batches still need the engine.
   *
   * @param args the data folder, the port, and the folder whose files statements may use, if any
   */
  public static void main(String[] args) throws Exception {
    for (String signal : new String[] {"INT", "HUP"}) {
      OsSignal.ignore(signal);
    }
    CountDownLatch end = new CountDownLatch(1);
    OsSignal.handle("TERM", end::countDown);
    int code = 0;
    try {
      code =
          serveAttached(
              Path.of(args[0]).toAbsolutePath().normalize(),
              Integer.parseInt(args[1]),
              args.length > 2 ? Path.of(args[2]) : null,
              end);
    } catch (UserError | EngineException e) {
      System.err.println(e.getMessage());
      code = 1;
    }
    // skips libchdb's own teardown, which has nothing left to do
    System.err.flush();
    Runtime.getRuntime().halt(code);
  }

  // an engine that is ending soon unlocks its folder
  private static EngineProcess lockSoon(Path data) {
    EngineProcess process = lock(data);
    for (int i = 0; process == null && i < 50 && Info.read(data) == null; i++) {
      EngineServer.pause(100);
      process = lock(data);
    }
    return process;
  }

  private static int serveAttached(Path data, int port, Path files, CountDownLatch end)
      throws InterruptedException {
    try (EngineProcess process = lockSoon(data)) {
      if (process == null) {
        return OTHER_SERVES;
      }
      process.start(port, files);
      long alone = System.nanoTime();
      do {
        if (process.server.isAttached()) {
          alone = System.nanoTime();
        }
        long ms = (System.nanoTime() - alone) / 1_000_000;
        if (ms > (process.server.wasAttached() ? LEFT_ALONE_MS : START_ALONE_MS)
            && process.server.stopIfAlone()) {
          return 0;
        }
      } while (!end.await(100, TimeUnit.MILLISECONDS));
      return 0;
    }
  }
}
