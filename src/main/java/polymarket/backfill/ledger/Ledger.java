package polymarket.backfill.ledger;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Batch.Kind;

/**
 * The checkpoint of one job: a SQLite file with the state of every id and every batch. A batch is
 * written into it, ids and all, before it is requested; its ids are marked after their rows were
 * acknowledged. Every change is one transaction, synced to disk, so that it is whole after a kill
 * at any instant. Several processes may have it open.
 */
public final class Ledger implements AutoCloseable {

  private static final int APPLICATION = 0x504d_4246;
  private static final int VERSION = 1;

  /**
   * Longer ids lists are not read through for damage at every start; what is damaged then is said
   * when it is met.
   */
  private static final long QUICK_CHECK_BYTES = 256L << 20;

  private static final String ENTRY = "id, state, rows, attempts, status, reason, marked_at";

  private static final String[] SCHEMA = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    // mode: new, again (its rows may be in the table: look first) or redo (replace what is in the
    // table)
    "CREATE TABLE ids(id TEXT PRIMARY KEY, slot INTEGER NOT NULL, state TEXT NOT NULL DEFAULT"
        + " 'pending', mode TEXT NOT NULL DEFAULT 'new', rows INTEGER NOT NULL DEFAULT 0, batch"
        + " INTEGER, attempts INTEGER NOT NULL DEFAULT 0, status INTEGER, reason TEXT, marked_at"
        + " INTEGER) WITHOUT ROWID",
    "CREATE INDEX ids_in_flight ON ids(batch) WHERE state = 'pending' AND batch IS NOT NULL",
    "CREATE TABLE batches(batch INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, parent"
        + " INTEGER, mode TEXT NOT NULL, slot INTEGER NOT NULL, ids INTEGER NOT NULL, cursor TEXT,"
        + " fetched INTEGER NOT NULL DEFAULT 0, inserted INTEGER NOT NULL DEFAULT 0, duplicate"
        + " INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, requests INTEGER NOT"
        + " NULL DEFAULT 0, opened_at INTEGER NOT NULL, done_at INTEGER)",
    "CREATE INDEX batches_open ON batches(batch) WHERE done_at IS NULL",
  };

  private final Path file;
  private final Connection connection;
  private final Map<String, String> meta = new HashMap<>();

  /**
   * What a ledger belongs to.
   *
   * @param sourceKey stands for the source's URL without showing it (a URL may hold a key)
   * @param sourceHost shown where it differs
   * @param server ClickHouse's id
   */
  public record Owner(String job, String sourceKey, String sourceHost, String server) {}

  /**
   * An id with all that the ledger knows of it: rows that are stored or, where it failed, that were
   * rejected. Times are epoch milliseconds; 0 where there is none.
   */
  public record Entry(
      String id, State state, long rows, int attempts, int status, String reason, long markedAt) {}

  /** What came of a list: its entries, those that differ, and those the ledger did not have yet. */
  public record Loaded(long entries, long distinct, long added) {}

  /**
   * How many numbers are in ids that are ranges (such as 000000000100-000000000199, both ends
   * counted), and in the pending ones of them.
   */
  public record Numbers(long total, long pending) {}

  /** Rows of all finished batches; those that were rejected, with their id's last try only. */
  public record Sums(
      long batches, long fetched, long inserted, long duplicate, long rejected, long requests) {

    public boolean balanced() {
      return fetched == inserted + duplicate + rejected;
    }
  }

  private Ledger(Path file, Connection connection) {
    this.file = file;
    this.connection = connection;
  }

  /** Whether a job has a ledger in this file. */
  public static boolean exists(Path file) {
    return Files.exists(file);
  }

  /**
   * Opens a ledger, or makes it where there is none.
   *
   * @param tableHasRows whether the job's table held rows when the ledger is made: then each batch
   *     looks first
   * @throws UserError where it belongs to another job, source or ClickHouse, or is damaged
   */
  public static Ledger open(Path file, Owner owner, boolean tableHasRows) {
    try {
      if (!Files.exists(file)) {
        create(file, owner, tableHasRows, Window.ALL);
      }
      Ledger ledger = open(file);
      try {
        if (!Sqlite.isWritable(file)) {
          throw Sqlite.refused(file, null);
        }
        ledger.belongsTo(owner);
      } catch (UserError e) {
        ledger.close();
        throw e;
      }
      return ledger;
    } catch (SQLException | IOException e) {
      throw damaged(file, e);
    }
  }

  /**
   * Opens the ledger of a window of time, or makes it where there is none.
   *
   * @throws UserError where it belongs to another job, source or ClickHouse, or is damaged
   */
  public static Ledger open(Path file, Owner owner, boolean tableHasRows, Window window) {
    try {
      if (!Files.exists(file)) {
        create(file, owner, tableHasRows, window);
      }
    } catch (SQLException | IOException e) {
      throw damaged(file, e);
    }
    return open(file, owner, tableHasRows);
  }

  /**
   * Opens a ledger that exists, whoever it belongs to.
   *
   * @throws UserError where it is no ledger or is damaged
   */
  public static Ledger open(Path file) {
    try {
      checkHead(file);
      Ledger ledger = new Ledger(file, connect(file));
      try {
        ledger.readMeta();
      } catch (SQLException | RuntimeException e) {
        ledger.connection.close();
        throw e;
      }
      return ledger;
    } catch (SQLException | IOException e) {
      throw damaged(file, e);
    }
  }

  /** Looks at a file before SQLite does, which changes every database that it opens in WAL mode. */
  private static void checkHead(Path file) throws SQLException, IOException {
    byte[] head;
    try (InputStream in = Files.newInputStream(file)) {
      head = in.readNBytes(100);
    }
    if (head.length == 0) {
      throw new SQLException("it is empty");
    }
    if (head.length < 100
        || !new String(head, 0, 15, StandardCharsets.US_ASCII).equals("SQLite format 3")
        || ByteBuffer.wrap(head).getInt(68) != APPLICATION) {
      throw new SQLException("it is not a ledger file");
    }
  }

  private static UserError damaged(Path file, Exception e) {
    UserError refused = Sqlite.refused(file, e);
    return refused != null
        ? refused
        : new UserError(
            "ledger "
                + file
                + " cannot be used: "
                + String.join(" ", e.getMessage().lines().toList())
                + ". It was left as it is: put a copy of it back, or move it away (or `backfill"
                + " reset`) to start over; rows that are in ClickHouse are not stored twice",
            e);
  }

  private static Connection connect(Path file) throws SQLException, IOException {
    org.sqlite.SQLiteConfig config = new org.sqlite.SQLiteConfig();
    config.setSynchronous(org.sqlite.SQLiteConfig.SynchronousMode.FULL);
    config.setBusyTimeout(60_000);
    config.setTransactionMode(org.sqlite.SQLiteConfig.TransactionMode.IMMEDIATE);
    config.setPragma(org.sqlite.SQLiteConfig.Pragma.CACHE_SIZE, "-65536");
    return Sqlite.open(file, config);
  }

  /** Written under another name first: a kill in the middle leaves no half-made ledger. */
  private static void create(Path file, Owner owner, boolean tableHasRows, Window window)
      throws SQLException, IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Path draft = file.resolveSibling(file.getFileName() + ".new-" + UUID.randomUUID());
    try (Connection made = DriverManager.getConnection("jdbc:sqlite:" + draft);
        Statement statement = made.createStatement()) {
      statement.execute("PRAGMA application_id = " + APPLICATION);
      statement.execute("PRAGMA user_version = " + VERSION);
      for (String sql : SCHEMA) {
        statement.execute(sql);
      }
      Map<String, String> values =
          Map.of(
              "job",
              owner.job(),
              "ledger",
              (window.all() ? "" : "window-") + UUID.randomUUID().toString().substring(0, 8),
              "window",
              window.text(),
              "since",
              String.valueOf(window.since()),
              "until",
              String.valueOf(window.until()),
              "source",
              owner.sourceKey(),
              "source_host",
              owner.sourceHost(),
              "clickhouse",
              owner.server(),
              "look_first",
              Boolean.toString(tableHasRows),
              "made_at",
              Instant.now().toString());
      try (PreparedStatement insert = made.prepareStatement("INSERT INTO meta VALUES(?, ?)")) {
        for (Map.Entry<String, String> value : values.entrySet()) {
          insert.setString(1, value.getKey());
          insert.setString(2, value.getValue());
          insert.executeUpdate();
        }
      }
    }
    try {
      // a hard link does not replace: of two processes that make it at once, one wins and both use
      // its file
      Files.createLink(file, draft);
    } catch (java.nio.file.FileAlreadyExistsException e) {
      // the other one's
    } catch (UnsupportedOperationException | IOException e) {
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }
    Files.deleteIfExists(draft);
  }

  private void readMeta() throws SQLException, IOException {
    try (Statement statement = connection.createStatement()) {
      int version = number(statement, "PRAGMA user_version");
      if (version != VERSION) {
        throw new SQLException("its version is " + version + ", this program's is " + VERSION);
      }
      if (Files.size(file) <= QUICK_CHECK_BYTES) {
        try (ResultSet result = statement.executeQuery("PRAGMA quick_check(1)")) {
          if (!result.next() || !"ok".equals(result.getString(1))) {
            throw new SQLException("it is damaged: " + result.getString(1));
          }
        }
      }
      try (ResultSet result = statement.executeQuery("SELECT key, value FROM meta")) {
        while (result.next()) {
          meta.put(result.getString(1), result.getString(2));
        }
      }
    }
  }

  private static int number(Statement statement, String sql) throws SQLException {
    try (ResultSet result = statement.executeQuery(sql)) {
      return result.next() ? result.getInt(1) : 0;
    }
  }

  private void belongsTo(Owner owner) {
    if (!owner.job().equals(meta.get("job"))) {
      throw new UserError(
          "ledger "
              + file
              + " belongs to the job '"
              + meta.get("job")
              + "', not to '"
              + owner.job()
              + "': move it away, or set runtime.dir to another folder");
    }
    if (!owner.sourceKey().equals(meta.get("source"))) {
      throw new UserError(
          "ledger "
              + file
              + " was made with another source ("
              + meta.get("source_host")
              + ", now "
              + owner.sourceHost()
              + "): its progress does not apply here. Set the source's URL back, set runtime.dir"
              + " to another folder, or `backfill reset "
              + owner.job()
              + "`");
    }
    if (!owner.server().equals(meta.get("clickhouse"))) {
      throw new UserError(
          "ledger "
              + file
              + " was made with another ClickHouse, or its data was deleted since: what is marked"
              + " in it is not stored there. Go back to that ClickHouse, set runtime.dir to another"
              + " folder, or `backfill reset "
              + owner.job()
              + "` to fetch everything again");
    }
  }

  /** What stands for the source that it was made with. */
  public String sourceKey() {
    return meta.get("source");
  }

  /** The ClickHouse that it was made with. */
  public String server() {
    return meta.get("clickhouse");
  }

  /** The ledger's own id, part of every batch's key. */
  public String id() {
    return meta.get("ledger");
  }

  public String job() {
    return meta.get("job");
  }

  /** What its batches' keys begin with. */
  public String keyPrefix() {
    return Batch.Key.prefix(job(), id());
  }

  private Batch.Key key(long number) {
    return new Batch.Key(job(), id(), number);
  }

  /** The span of time that its ids are asked for. */
  public Window window() {
    return meta.get("window") == null || meta.get("window").isEmpty()
        ? Window.ALL
        : new Window(
            meta.get("window"),
            Long.parseLong(meta.get("since")),
            Long.parseLong(meta.get("until")));
  }

  /** Lets each new batch look first, because the table holds rows that others brought. */
  public void lookFirst() {
    meta.put("look_first", "true");
  }

  public Path file() {
    return file;
  }

  /** One list of ids, written in one transaction: it is in the ledger whole or not at all. */
  public final class Loading {

    private final PreparedStatement insert;
    private long entries;
    private int waiting;

    private Loading(PreparedStatement insert) {
      this.insert = insert;
    }

    /** Takes an id in its stored form. */
    public void add(String id) {
      try {
        insert.setString(1, id);
        insert.addBatch();
        entries++;
        if (++waiting == 10_000) {
          flush();
        }
      } catch (SQLException e) {
        throw damaged(file, e);
      }
    }

    /** How many were added. */
    public long entries() {
      return entries;
    }

    private void flush() throws SQLException {
      insert.executeBatch();
      waiting = 0;
    }
  }

  /**
   * Takes a list of ids in. Those that are there already stay as they are.
   *
   * @param reader adds the ids; what it throws leaves the ledger untouched
   */
  public synchronized Loaded load(Consumer<Loading> reader) {
    try (Statement statement = connection.createStatement()) {
      try {
        long entries = readIn(statement, reader);
        return transaction(
            () -> {
              long added = takeIn(statement);
              return new Loaded(entries, number(statement, "SELECT count(*) FROM sorted"), added);
            });
      } finally {
        statement.execute("DROP TABLE IF EXISTS incoming");
        statement.execute("DROP TABLE IF EXISTS sorted");
      }
    } catch (SQLException e) {
      throw damaged(file, e);
    }
  }

  /** Reads a list into a temporary table; other processes can write to the ledger meanwhile. */
  private long readIn(Statement statement, Consumer<Loading> reader) throws SQLException {
    statement.execute("BEGIN DEFERRED");
    try {
      statement.execute("CREATE TEMP TABLE incoming(id TEXT NOT NULL)");
      Loading loading;
      try (PreparedStatement insert =
          connection.prepareStatement("INSERT INTO incoming VALUES(?)")) {
        loading = new Loading(insert);
        reader.accept(loading);
        loading.flush();
      }
      // keys in order are written to the tree in order
      statement.execute("CREATE TEMP TABLE sorted AS SELECT DISTINCT id FROM incoming ORDER BY id");
      statement.execute("DROP TABLE incoming");
      statement.execute("COMMIT");
      return loading.entries;
    } catch (SQLException | RuntimeException e) {
      try {
        statement.execute("ROLLBACK");
      } catch (SQLException ended) {
        e.addSuppressed(ended);
      }
      throw e;
    }
  }

  private long takeIn(Statement statement) throws SQLException {
    long added = 0;
    try (ResultSet sorted =
            statement.executeQuery(
                "SELECT id FROM sorted WHERE NOT EXISTS (SELECT 1 FROM ids WHERE ids.id ="
                    + " sorted.id) ORDER BY sorted.rowid");
        PreparedStatement insert =
            connection.prepareStatement("INSERT INTO ids(id, slot) VALUES(?, ?)")) {
      while (sorted.next()) {
        String id = sorted.getString(1);
        insert.setString(1, id);
        insert.setInt(2, Share.slot(id));
        added += insert.executeUpdate();
      }
    }
    return added;
  }

  /** The batches that were begun and not finished, and whose maker's share this is now. */
  public synchronized List<Batch> open(Share share) {
    return query(
            "SELECT batch, kind, mode, cursor, fetched, inserted + rejected, rejected FROM batches"
                + " WHERE done_at IS NULL AND slot >= ? AND slot < ? ORDER BY batch",
            result -> {
              long number = result.getLong(1);
              return new Batch(
                  key(number),
                  Kind.of(result.getString(2)),
                  idsOf(number),
                  Mode.of(result.getString(3)),
                  true,
                  passFrom(),
                  window(),
                  new Batch.Saved(
                      result.getString(4),
                      result.getLong(5),
                      result.getLong(6),
                      result.getLong(7)));
            },
            share.from(),
            share.to())
        .stream()
        .filter(batch -> batch.size() > 0 || finishEmpty(batch))
        .toList();
  }

  /** A batch all of whose ids were marked otherwise meanwhile has nothing left to do. */
  private boolean finishEmpty(Batch batch) {
    transaction(
        () ->
            update("UPDATE batches SET done_at = ? WHERE batch = ?", now(), batch.key().number()));
    return false;
  }

  private List<String> idsOf(long batch) {
    return query(
        "SELECT id FROM ids WHERE batch = ? AND state = 'pending' ORDER BY id",
        result -> result.getString(1),
        batch);
  }

  /**
   * Makes the next batches of pending ids that are in none, in the order of the ids.
   *
   * @param after the last id of the previous call; an empty text at the beginning
   * @param size ids a batch
   * @param count how many batches at most
   * @return the batches, none where no such id is left after {@code after}
   */
  public synchronized List<Batch> claim(String after, Mode mode, Share share, int size, int count) {
    return claim(after, mode, share, size, count, UnaryOperator.identity());
  }

  /**
   * The same, where ids can be cut and joined before they are asked for.
   *
   * @param shape takes ids in their order and gives those that stand for the same, in their order
   */
  public synchronized List<Batch> claim(
      String after,
      Mode mode,
      Share share,
      int size,
      int count,
      UnaryOperator<List<String>> shape) {
    return transaction(
        () -> {
          List<String> found =
              query(
                  "SELECT id FROM ids WHERE id > ? AND state = 'pending' AND batch IS NULL AND mode"
                      + " = ? AND slot >= ? AND slot < ? ORDER BY id LIMIT ?",
                  result -> result.getString(1),
                  after,
                  mode.text(),
                  share.from(),
                  share.to(),
                  (long) size * count);
          List<String> shaped = shape.apply(found);
          if (!shaped.equals(found)) {
            Set<String> before = new HashSet<>(found);
            Set<String> now = new HashSet<>(shaped);
            for (String id : found) {
              if (!now.contains(id)) {
                update("DELETE FROM ids WHERE id = ?", id);
              }
            }
            for (String id : shaped) {
              if (!before.contains(id)) {
                add(id, share.whole() ? Share.slot(id) : share.from(), mode);
              }
            }
          }
          List<String> ids = shaped.subList(0, (int) Math.min(shaped.size(), (long) size * count));
          List<Batch> batches = new ArrayList<>();
          for (int from = 0; from < ids.size(); from += size) {
            batches.add(
                make(
                    Kind.FIRST,
                    null,
                    mode,
                    share,
                    ids.subList(from, Math.min(ids.size(), from + size))));
          }
          return batches;
        });
  }

  private void add(String id, int slot, Mode mode) throws SQLException {
    update("INSERT INTO ids(id, slot, mode) VALUES(?, ?, ?)", id, slot, mode.text());
  }

  /**
   * Puts smaller ids in the place of those that a source cannot answer at once, in batches as large
   * as theirs.
   */
  private List<Batch> replace(BatchWork batch, Map<String, List<String>> cuts, Share share)
      throws SQLException {
    List<String> parts = new ArrayList<>();
    for (Map.Entry<String, List<String>> cut : cuts.entrySet()) {
      int slot =
          query("SELECT slot FROM ids WHERE id = ?", result -> result.getInt(1), cut.getKey())
              .get(0);
      update("DELETE FROM ids WHERE id = ?", cut.getKey());
      for (String part : cut.getValue()) {
        add(part, slot, batch.mode());
        parts.add(part);
      }
    }
    List<Batch> batches = new ArrayList<>();
    int size = Math.max(2, batch.getSize());
    Collections.sort(parts);
    for (int from = 0; from < parts.size(); from += size) {
      batches.add(
          make(
              Kind.HALF,
              batch.batch().key().number(),
              batch.mode(),
              share,
              parts.subList(from, Math.min(parts.size(), from + size))));
    }
    return batches;
  }

  /**
   * Ends a batch whose one id the source cannot answer at once, with batches of the smaller ids
   * that take its place.
   */
  public synchronized List<Batch> cut(BatchWork batch, List<String> parts, Share share) {
    return transaction(
        () -> {
          List<Batch> followers = replace(batch, Map.of(batch.getIds().get(0), parts), share);
          finish(batch, now());
          return followers;
        });
  }

  private Batch make(Kind kind, Long parent, Mode mode, Share share, List<String> ids)
      throws SQLException {
    update(
        "INSERT INTO batches(kind, parent, mode, slot, ids, opened_at) VALUES(?, ?, ?, ?, ?, ?)",
        kind.text(),
        parent,
        mode.text(),
        share.from(),
        ids.size(),
        now());
    long number = query("SELECT last_insert_rowid()", result -> result.getLong(1)).get(0);
    try (PreparedStatement statement =
        connection.prepareStatement("UPDATE ids SET batch = ? WHERE id = ?")) {
      for (String id : ids) {
        statement.setLong(1, number);
        statement.setString(2, id);
        statement.addBatch();
      }
      statement.executeBatch();
    }
    boolean look = kind == Kind.HALF || Boolean.parseBoolean(meta.get("look_first"));
    return new Batch(
        key(number), kind, ids, mode == Mode.NEW && look ? Mode.AGAIN : mode, passFrom(), window());
  }

  /**
   * Marks a batch: its ids by their outcomes; those the answer left out are put together in a new
   * batch that asks for them once more.
   *
   * @param unanswered ids that are asked for each on its own and could not be: each gets a batch of
   *     its own; those that are neither here nor answered go back to where the batch took them from
   * @return the batches that follow from it
   */
  public synchronized List<Batch> complete(
      BatchWork batch, Collection<String> unanswered, Share share) {
    return complete(batch, unanswered, Map.of(), share);
  }

  /**
   * The same, where ids that the source could not answer at once are replaced by smaller ones.
   *
   * @param cuts the smaller ids by the one that they stand for
   */
  public synchronized List<Batch> complete(
      BatchWork batch, Collection<String> unanswered, Map<String, List<String>> cuts, Share share) {
    return transaction(
        () -> {
          long now = now();
          mark(batch, batch.outcomes(), 1, now);
          List<Batch> followers = replace(batch, cuts, share);
          if (!batch.missing().isEmpty()) {
            followers.add(
                make(
                    Kind.REASK,
                    batch.batch().key().number(),
                    batch.mode(),
                    share,
                    batch.missing()));
          }
          for (String id : unanswered) {
            followers.add(
                make(Kind.HALF, batch.batch().key().number(), batch.mode(), share, List.of(id)));
          }
          update(
              "UPDATE ids SET batch = NULL, mode = ? WHERE batch = ? AND state = 'pending'",
              batch.mode().text(),
              batch.batch().key().number());
          finish(batch, now);
          return followers;
        });
  }

  private void mark(BatchWork batch, Map<String, Outcome> outcomes, int succeeded, long now)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "UPDATE ids SET state = ?, mode = 'new', rows = ?,"
                + " attempts = attempts + ?, status = ?, reason = ?, marked_at = ? WHERE id = ?")) {
      for (Map.Entry<String, Outcome> entry : outcomes.entrySet()) {
        Outcome outcome = entry.getValue();
        statement.setString(1, outcome.state().text());
        statement.setLong(2, outcome.rows());
        statement.setInt(3, batch.failures(entry.getKey()) + succeeded);
        if (outcome.status() == 0) {
          statement.setNull(4, java.sql.Types.INTEGER);
        } else {
          statement.setInt(4, outcome.status());
        }
        statement.setString(5, outcome.reason());
        statement.setLong(6, now);
        statement.setString(7, entry.getKey());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  private void finish(BatchWork batch, Long now) throws SQLException {
    update(
        "UPDATE batches SET fetched = fetched + ?, inserted = inserted + ?, duplicate = duplicate +"
            + " ?, rejected = rejected + ?, requests = ?, cursor = ?, done_at = ? WHERE batch = ?",
        batch.rows().fetched(),
        batch.rows().inserted(),
        batch.rows().duplicate(),
        batch.rows().rejected(),
        batch.requests(),
        batch.getCursor(),
        now,
        batch.batch().key().number());
  }

  /** Notes that a page of the batch is stored, and where the next one begins. */
  public synchronized void page(BatchWork batch) {
    transaction(
        () -> {
          finish(batch, null);
          return null;
        });
    batch.pageDone();
  }

  /** Puts two batches of half its ids in the place of one that keeps failing. */
  public synchronized List<Batch> halve(BatchWork batch, Share share) {
    return transaction(
        () -> {
          int middle = (batch.getSize() + 1) / 2;
          Mode mode = batch.mode();
          List<Batch> halves =
              List.of(
                  make(
                      Kind.HALF,
                      batch.batch().key().number(),
                      mode,
                      share,
                      batch.getIds().subList(0, middle)),
                  make(
                      Kind.HALF,
                      batch.batch().key().number(),
                      mode,
                      share,
                      batch.getIds().subList(middle, batch.getSize())));
          finish(batch, now());
          return halves;
        });
  }

  /**
   * Puts pending ids in the place of an id that stood for all of them, which is gone then, its
   * batch finished.
   */
  public synchronized void split(String id, Collection<String> parts) {
    transaction(
        () -> {
          update(
              "UPDATE batches SET done_at = ? WHERE done_at IS NULL AND batch = (SELECT batch FROM"
                  + " ids WHERE id = ?)",
              now(),
              id);
          update("DELETE FROM ids WHERE id = ?", id);
          for (String part : parts) {
            update("INSERT INTO ids(id, slot) VALUES(?, ?)", part, Share.slot(part));
          }
          return null;
        });
  }

  /** Marks the one id of a batch as failed. */
  public synchronized void fail(BatchWork batch, Outcome outcome) {
    transaction(
        () -> {
          long now = now();
          mark(batch, Map.of(batch.getIds().get(0), outcome), 0, now);
          finish(batch, now);
          return null;
        });
  }

  /**
   * Makes ids pending again so that they are asked for anew and their rows replaced.
   *
   * @param olderThan only those marked before that long ago; null for all
   * @return how many
   */
  public synchronized long redo(Collection<State> states, Duration olderThan) {
    return redo(states, olderThan, Share.WHOLE, Long.MAX_VALUE);
  }

  /**
   * The same for one worker's ids, because another worker's may have been asked for anew already.
   *
   * @param limit how many at most, those that were marked first
   */
  public synchronized long redo(
      Collection<State> states, Duration olderThan, Share share, long limit) {
    newPass();
    return again(
        states,
        Mode.REDO,
        olderThan == null ? now() + 1 : now() - olderThan.toMillis(),
        share,
        limit);
  }

  /**
   * Makes these ids pending again, whatever state they are in, so that they are asked for anew and
   * their rows replaced.
   */
  public synchronized void redo(Collection<String> ids) {
    newPass();
    transaction(
        () -> {
          for (String id : ids) {
            update(
                "UPDATE ids SET state = 'pending', mode = 'redo', batch = NULL WHERE id = ?", id);
          }
          return null;
        });
  }

  /** Whether one of these ids is in one of these states. */
  public synchronized boolean any(Collection<String> ids, Collection<State> states) {
    return ids.stream()
        .anyMatch(
            id ->
                query(
                        "SELECT state FROM ids WHERE id = ?",
                        result -> State.of(result.getString(1)),
                        id)
                    .stream()
                    .anyMatch(states::contains));
  }

  /** Batches made from now on belong to a new pass. */
  private void newPass() {
    transaction(
        () -> {
          long from =
              query("SELECT coalesce(max(batch), 0) + 1 FROM batches", result -> result.getLong(1))
                  .get(0);
          update(
              "INSERT OR REPLACE INTO meta(key, value) VALUES('pass_from', ?)",
              String.valueOf(from));
          meta.put("pass_from", String.valueOf(from));
          return null;
        });
  }

  /**
   * The last batch that stored rows beside older ones on purpose; 0 where {@link #merged} was told
   * of it, or there is none.
   */
  public synchronized long replacing() {
    return query(
            "SELECT coalesce(max(batch), 0) FROM batches WHERE mode = 'redo' AND inserted > 0 AND"
                + " batch > coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key ="
                + " 'merged'), 0)",
            result -> result.getLong(1))
        .get(0);
  }

  /** Whether its sums count rows that were replaced on purpose, and those that replaced them. */
  public synchronized boolean replaced() {
    return !query("SELECT 1 FROM batches WHERE mode = 'redo' AND inserted > 0 LIMIT 1", result -> 1)
        .isEmpty();
  }

  /** Notes that of what the batches up to this one have stored, the older rows are gone. */
  public synchronized void merged(long batch) {
    transaction(
        () ->
            update(
                "INSERT OR REPLACE INTO meta(key, value) VALUES('merged', ?)",
                String.valueOf(batch)));
  }

  private long passFrom() {
    return Long.parseLong(meta.getOrDefault("pass_from", "0"));
  }

  /**
   * Makes the ids pending again that failed before an instant (epoch milliseconds); their rows are
   * looked for first.
   */
  public synchronized long retryFailed(long before, Share share) {
    return again(List.of(State.FAILED), Mode.AGAIN, before, share, Long.MAX_VALUE);
  }

  /**
   * Makes an id pending again that was found or absent before an instant (epoch milliseconds),
   * because more is known of it since; its rows are looked for first.
   *
   * @return whether it was
   */
  public synchronized boolean again(String id, long before) {
    return transaction(
            () ->
                update(
                    "UPDATE ids SET state = 'pending', mode = 'again', batch = NULL WHERE id = ?"
                        + " AND marked_at < ? AND state IN ('found', 'absent')",
                    id,
                    before))
        > 0;
  }

  private long again(Collection<State> states, Mode mode, long before, Share share, long limit) {
    String where =
        "state IN ("
            + String.join(", ", states.stream().map(state -> "'" + state.text() + "'").toList())
            + ") AND marked_at < ? AND slot >= ? AND slot < ?";
    String chosen =
        limit == Long.MAX_VALUE
            ? where
            : "id IN (SELECT id FROM ids WHERE "
                + where
                + " ORDER BY marked_at, id LIMIT "
                + limit
                + ")";
    return transaction(
        () -> {
          // rejected rows come again with the next try, whose batch counts them then
          update(
              "UPDATE batches SET fetched = fetched - again.rows, rejected = rejected - again.rows"
                  + " FROM (SELECT batch, sum(rows) AS rows FROM ids WHERE state = 'failed' AND"
                  + " rows > 0 AND "
                  + chosen
                  + " GROUP BY batch) AS again WHERE batches.batch = again.batch",
              before,
              share.from(),
              share.to());
          return (long)
              update(
                  "UPDATE ids SET state = 'pending', mode = '"
                      + mode.text()
                      + "', batch = NULL WHERE "
                      + chosen,
                  before,
                  share.from(),
                  share.to());
        });
  }

  /** How many ids are in each state; every state is there. */
  public synchronized Map<State, Long> counts(Share share) {
    Map<State, Long> counts = new EnumMap<>(State.class);
    for (State state : State.values()) {
      counts.put(state, 0L);
    }
    String where =
        share.whole() ? "" : " WHERE slot >= " + share.from() + " AND slot < " + share.to();
    query(
        "SELECT state, count(*) FROM ids" + where + " GROUP BY state",
        result -> counts.put(State.of(result.getString(1)), result.getLong(2)));
    return counts;
  }

  /**
   * How many ids a share still has to do: the pending ones that are its own, and those of batches
   * that it is to resume, but not those that are in another share's batch.
   */
  public synchronized long left(Share share) {
    return query(
            "SELECT count(*) FROM ids LEFT JOIN batches ON batches.batch = ids.batch AND"
                + " batches.done_at IS NULL WHERE ids.state = 'pending' AND coalesce(batches.slot,"
                + " ids.slot) >= ? AND coalesce(batches.slot, ids.slot) < ?",
            result -> result.getLong(1),
            share.from(),
            share.to())
        .get(0);
  }

  /** How many ids came in. */
  public synchronized long size(Share share) {
    String where =
        share.whole() ? "" : " WHERE slot >= " + share.from() + " AND slot < " + share.to();
    return query("SELECT count(*) FROM ids" + where, result -> result.getLong(1)).get(0);
  }

  /** The sums of ids that are ranges. */
  public synchronized Numbers numbers(Share share) {
    String width = "CAST(substr(id, 14, 12) AS INTEGER) - CAST(substr(id, 1, 12) AS INTEGER) + 1";
    return query(
            "SELECT coalesce(sum("
                + width
                + "), 0), coalesce(sum(CASE WHEN state = 'pending' THEN "
                + width
                + " END), 0) FROM ids WHERE slot >= ? AND slot < ?",
            result -> new Numbers(result.getLong(1), result.getLong(2)),
            share.from(),
            share.to())
        .get(0);
  }

  public synchronized Sums sums() {
    return query(
            "SELECT count(*), coalesce(sum(fetched), 0), coalesce(sum(inserted), 0),"
                + " coalesce(sum(duplicate), 0), coalesce(sum(rejected), 0),"
                + " coalesce(sum(requests), 0) FROM batches WHERE done_at IS NOT NULL",
            result ->
                new Sums(
                    result.getLong(1),
                    result.getLong(2),
                    result.getLong(3),
                    result.getLong(4),
                    result.getLong(5),
                    result.getLong(6)))
        .get(0);
  }

  /**
   * Gives the ids of a state in their order.
   *
   * @param limit how many at most
   */
  public synchronized void entries(State state, long limit, Consumer<Entry> to) {
    query(
        "SELECT " + ENTRY + " FROM ids WHERE state = ? ORDER BY id LIMIT ?",
        result -> {
          to.accept(entry(result));
          return null;
        },
        state.text(),
        limit);
  }

  /** What it knows of an id; null where it does not have it. */
  public synchronized Entry entry(String id) {
    return query("SELECT " + ENTRY + " FROM ids WHERE id = ?", Ledger::entry, id).stream()
        .findFirst()
        .orElse(null);
  }

  private static Entry entry(ResultSet result) throws SQLException {
    return new Entry(
        result.getString(1),
        State.of(result.getString(2)),
        result.getLong(3),
        result.getInt(4),
        result.getInt(5),
        result.getString(6),
        result.getLong(7));
  }

  /**
   * A batch of one id that the source has answered before. Nothing is written.
   *
   * @param otherwise the id to take where it has answered none; null for no batch then
   */
  public synchronized Batch probe(String otherwise) {
    List<String> answered =
        query(
            "SELECT id FROM ids WHERE state IN ('found', 'absent', 'unresolved') LIMIT 1",
            result -> result.getString(1));
    if (answered.isEmpty() && otherwise != null) {
      answered = List.of(otherwise);
    }
    return answered.isEmpty()
        ? null
        : new Batch(key(0), Kind.PROBE, answered, Mode.AGAIN, 0, Window.ALL);
  }

  /**
   * Moves a ledger, a damaged one too, to a copy beside it, so that the next run starts afresh.
   *
   * @return the copy
   */
  public static Path setAside(Path file) {
    String time = Instant.now().toString().substring(0, 19).replace(":", "");
    Path copy = file.resolveSibling(file.getFileName() + "." + time + ".copy");
    try {
      // changes may still be in the log beside it, which SQLite finds by its name
      for (String suffix : List.of("-wal", "-shm", "")) {
        Path part = file.resolveSibling(file.getFileName() + suffix);
        if (Files.exists(part)) {
          Files.move(part, copy.resolveSibling(copy.getFileName() + suffix));
        }
      }
      return copy;
    } catch (IOException e) {
      throw new UserError("cannot move " + file + " to " + copy + ": " + e.getMessage());
    }
  }

  /** Removes its file, when it was closed: nobody needs a ledger without ids. */
  public void delete() {
    try {
      for (String suffix : List.of("", "-wal", "-shm")) {
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
      }
    } catch (IOException e) {
      throw new UserError("cannot remove " + file + ": " + e.getMessage());
    }
  }

  @Override
  public synchronized void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw damaged(file, e);
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  private interface Work<T> {
    T run() throws SQLException;
  }

  private interface Row<T> {
    T read(ResultSet result) throws SQLException;
  }

  private <T> T transaction(Work<T> work) {
    try {
      connection.setAutoCommit(false);
      try {
        T result = work.run();
        connection.commit();
        return result;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    } catch (SQLException e) {
      throw damaged(file, e);
    }
  }

  private int update(String sql, Object... parameters) throws SQLException {
    try (PreparedStatement statement = prepared(sql, parameters)) {
      return statement.executeUpdate();
    }
  }

  private <T> List<T> query(String sql, Row<T> row, Object... parameters) {
    try (PreparedStatement statement = prepared(sql, parameters);
        ResultSet result = statement.executeQuery()) {
      List<T> rows = new ArrayList<>();
      while (result.next()) {
        T value = row.read(result);
        if (value != null) {
          rows.add(value);
        }
      }
      return rows;
    } catch (SQLException e) {
      throw damaged(file, e);
    }
  }

  private PreparedStatement prepared(String sql, Object... parameters) throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    for (int i = 0; i < parameters.length; i++) {
      statement.setObject(i + 1, parameters[i]);
    }
    return statement;
  }
}
