package polymarket.backfill.embedded;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import polymarket.backfill.UserError;

/**
 * libchdb, ClickHouse as a shared library, through JNA: loads it, and runs statements on its
 * connections.
 *
 * <p>Two measured facts (26.7.3) determine the design. Data after an INSERT in the text of a query
 * ends at the first blank line, and the text after it runs as the next statement; so all data is
 * sent through the library's insert stream. The library's own result stream makes every block a
 * separate document (a second JSON header in the middle of the answer); so a SELECT is written
 * {@code INTO OUTFILE} to a pipe, which returns the bytes of one complete answer, in flat memory.
 */
final class Chdb {
  /** The library's counts: rows and bytes as in ClickHouse's X-ClickHouse-Summary. */
  record Stats(
      long readRows,
      long readBytes,
      long writtenRows,
      long writtenBytes,
      long resultRows,
      long resultBytes) {
    static final Stats NONE = new Stats(0, 0, 0, 0, 0, 0);
  }

  /** The kinds of statements that the library distinguishes (chdb_query_class). */
  enum Effect {
    READS,
    WRITES,
    WRITES_GLOBALLY,
    CONTROLS,
    UNKNOWN
  }

  private static final int SET_PIPE_SIZE = 1031;
  private static Chdb loaded;

  private final ChdbApi api;
  private final ChdbApi.LibC c = Native.load(Platform.C_LIBRARY_NAME, ChdbApi.LibC.class);

  private Chdb(Path library) {
    try {
      api = Native.load(library.toString(), ChdbApi.class);
    } catch (UnsatisfiedLinkError e) {
      throw new UserError(
          "embedded ClickHouse: cannot load "
              + library
              + " ("
              + firstLine(e.getMessage())
              + "); run chdb/install again, or set clickhouse.url to use a server");
    }
    // without this the library replaces the JVM's SIGSEGV handler, which the JVM needs for null
    // checks
    api.chdb_set_signal_handlers_enabled(0);
  }

  /** From now on, only the owner can access files that this process creates. */
  void keepFilesPrivate() {
    c.umask(077);
  }

  /**
   * Loads the library once per process (0.4 s).
   *
   * @throws UserError if it is missing or does not load
   */
  static synchronized Chdb load() {
    if (loaded == null) {
      loaded = new Chdb(library());
    }
    return loaded;
  }

  /**
   * The library's file: the system property {@code chdb.lib}, or {@code
   * <backfill.home>/chdb/node_modules/@chdb/lib-<platform>/libchdb.so}.
   *
   * @throws UserError if it does not exist
   */
  static Path library() {
    Path file = file();
    if (!Files.isRegularFile(file)) {
      throw new UserError(
          "embedded ClickHouse: "
              + file
              + " is missing; run chdb/install, or set clickhouse.url to use a server");
    }
    return file;
  }

  /** Where the library's file is, if it is installed. */
  static Path file() {
    String set = System.getProperty("chdb.lib");
    String os = Platform.isMac() ? "darwin" : "linux";
    String platform =
        os + (Platform.isARM() ? "-arm64" : "-x64") + (Platform.isMac() ? "" : "-gnu");
    Path file =
        set != null
            ? Path.of(set)
            : Path.of(
                System.getProperty("backfill.home", ""),
                "chdb",
                "node_modules",
                "@chdb",
                "lib-" + platform,
                "libchdb.so");
    return file.toAbsolutePath().normalize();
  }

  private static String firstLine(String s) {
    return s == null ? "" : s.lines().findFirst().orElse("");
  }

  /**
   * Opens a connection: 0.14 s the first time, 0.3 ms after that. Each connection has its own
   * settings, database and temporary tables. A process can have one data folder open at a time.
   *
   * @param config the configuration file, as {@link EngineAccess#config} writes it
   */
  Connection connect(Path data, Path config) {
    // a server does not accept "1 + 1" as a SELECT
    String[] argv = {
      "clickhouse", "--path=" + data, "--config-file=" + config, "--implicit_select=0"
    };
    Pointer handle = api.chdb_connect(argv.length, new StringArray(argv, "UTF-8"));
    if (handle == null || handle.getPointer(0) == null) {
      throw new EngineException("cannot open the data folder " + data);
    }
    return new Connection(handle);
  }

  /** A connection, which runs one statement at a time; not safe for several threads at once. */
  final class Connection implements AutoCloseable {
    private final Pointer handle;
    private final Pointer connection;

    private Connection(Pointer handle) {
      this.handle = handle;
      this.connection = handle.getPointer(0);
    }

    /** Runs one statement with a small answer. */
    Answer query(String sql) {
      return query(sql.getBytes(StandardCharsets.UTF_8), "TabSeparated", Map.of());
    }

    /**
     * Runs one statement and keeps its whole answer in memory.
     *
     * @throws EngineException with ClickHouse's error
     */
    Answer query(byte[] sql, String format, Map<String, String> parameters) {
      // the comment keeps the library from treating "exit" or "q" as a command
      byte[] text = concat(sql, "\n--".getBytes(StandardCharsets.US_ASCII));
      byte[] f = format.getBytes(StandardCharsets.UTF_8);
      ChdbApi.Parameters p = new ChdbApi.Parameters(parameters);
      return take(
          api.chdb_query_with_params_n(
              connection,
              text,
              text.length,
              f,
              f.length,
              p.names,
              p.nameLengths,
              p.values,
              p.valueLengths,
              p.count));
    }

    /**
     * Runs a SELECT and streams its answer to {@code out}, in flat memory; if {@code out} fails,
     * the query is killed.
     *
     * @param sql the statement
     * @param marker a unique text by which {@link #kill} finds this statement
     * @param threads run the query while the calling thread reads
     * @param killer a connection on which to kill it
     * @throws EngineException with ClickHouse's error, before or after the first byte
     * @throws IOException from {@code out}
     */
    Stats select(
        SqlText sql,
        String marker,
        String format,
        Map<String, String> parameters,
        OutputStream out,
        ExecutorService threads,
        Connection killer)
        throws IOException {
      int[] ends = new int[2];
      if (c.pipe(ends) != 0) {
        throw new EngineException("cannot make a pipe: too many open files; raise ulimit -n");
      }
      if (Platform.isLinux()) {
        c.fcntl(ends[1], SET_PIPE_SIZE, 1 << 20);
      }
      byte[] text =
          sql.withClause("/*" + marker + "*/ INTO OUTFILE '/dev/fd/" + ends[1] + "' APPEND");
      Future<Answer> answer =
          threads.submit(
              () -> {
                try {
                  return query(text, format, parameters);
                } finally {
                  c.close(ends[1]);
                }
              });
      boolean whole = false;
      try {
        byte[] buffer = new byte[256 << 10];
        for (long n; (n = c.read(ends[0], buffer, buffer.length)) > 0; ) {
          out.write(buffer, 0, (int) n);
        }
        whole = true;
      } finally {
        if (!whole) {
          killer.kill(marker);
        }
        c.close(ends[0]);
        if (!whole) {
          await(answer);
        }
      }
      return await(answer).stats;
    }

    /**
     * Kills the query with this marker, on this connection. A closed pipe alone does not stop a
     * running query; a kill before the query has started finds nothing, but then the pipe stops it.
     */
    synchronized void kill(String marker) {
      try {
        // concatenated by the server, so that this statement does not match itself
        int half = marker.length() / 2;
        query(
            "KILL QUERY WHERE position(query, concat('/*"
                + marker.substring(0, half)
                + "', '"
                + marker.substring(half)
                + "*/')) > 0 ASYNC");
      } catch (EngineException e) {
        org.slf4j.LoggerFactory.getLogger(Chdb.class)
            .warn("cannot kill a query: {}", e.getMessage());
      }
    }

    private Answer await(Future<Answer> answer) {
      boolean interrupted = false;
      try {
        while (true) {
          try {
            return answer.get();
          } catch (InterruptedException e) {
            interrupted = true;
          } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause() instanceof EngineException engine
                ? engine
                : new EngineException(String.valueOf(e.getCause()));
          }
        }
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }

    /**
     * Inserts the rows of {@code data}, in flat memory. If {@code data} fails, the insert is
     * aborted; if it has more than a block of rows (max_insert_block_size, about a million), the
     * first blocks may be stored then, as on any server.
     *
     * @param head the INSERT up to FORMAT or VALUES
     */
    Stats insert(byte[] head, String format, Map<String, String> parameters, InputStream data)
        throws IOException {
      byte[] f = format.getBytes(StandardCharsets.UTF_8);
      ChdbApi.Parameters p = new ChdbApi.Parameters(parameters);
      Pointer stream =
          api.chdb_stream_insert_with_params_n(
              connection,
              head,
              head.length,
              f,
              f.length,
              p.names,
              p.nameLengths,
              p.values,
              p.valueLengths,
              p.count);
      try {
        Pointer error = api.chdb_stream_insert_error(stream);
        if (error != null) {
          throw new EngineException(error.getString(0, "UTF-8"));
        }
        boolean read = false;
        try {
          byte[] buffer = new byte[256 << 10];
          for (int n; (n = data.readNBytes(buffer, 0, buffer.length)) > 0; ) {
            if (api.chdb_stream_append(stream, buffer, n) != 0) {
              break;
            }
          }
          read = true;
        } finally {
          if (!read) {
            api.chdb_stream_cancel_insert(stream);
          }
        }
        return take(api.chdb_stream_done(stream)).stats;
      } finally {
        api.chdb_destroy_insert_stream(stream);
      }
    }

    /** The kind of a statement, by ClickHouse's parser. */
    Effect effect(byte[] sql) {
      int[] analysis = {16, 0, 0, 0};
      return api.chdb_classify_query_n(connection, sql, sql.length, null, 0, analysis) == 0
          ? Effect.values()[Math.min(analysis[3], Effect.UNKNOWN.ordinal())]
          : Effect.UNKNOWN;
    }

    private Answer take(Pointer result) {
      try {
        Pointer error = api.chdb_result_error(result);
        if (error != null) {
          throw new EngineException(error.getString(0, "UTF-8"));
        }
        long length = api.chdb_result_length(result);
        if (length > Integer.MAX_VALUE - 64) {
          throw new EngineException(
              241, "MEMORY_LIMIT_EXCEEDED", "the answer to this statement is longer than 2 GB");
        }
        byte[] body =
            length == 0
                ? new byte[0]
                : api.chdb_result_buffer(result).getByteArray(0, (int) length);
        return new Answer(
            body,
            new Stats(
                api.chdb_result_storage_rows_read(result),
                api.chdb_result_storage_bytes_read(result),
                api.chdb_result_rows_written(result),
                api.chdb_result_bytes_written(result),
                api.chdb_result_rows_read(result),
                api.chdb_result_bytes_read(result)));
      } finally {
        api.chdb_destroy_query_result(result);
      }
    }

    /**
     * Closes the connection. Closing the last one ends the engine, which first writes its pending
     * data.
     */
    @Override
    public void close() {
      api.chdb_close_conn(handle);
    }
  }

  /** A complete answer. */
  record Answer(byte[] body, Stats stats) {
    String text() {
      return new String(body, StandardCharsets.UTF_8).strip();
    }
  }

  static byte[] concat(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
