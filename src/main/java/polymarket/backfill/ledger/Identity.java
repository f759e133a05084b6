package polymarket.backfill.ledger;

import java.sql.SQLException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.Ledger.Owner;

/** What a ledger belongs to, and the few facts that hold for all of it. */
final class Identity {

  /** The name of the value that says whether each new batch looks first. */
  static final String LOOK_FIRST = "look_first";

  private static final String STAGE = "stage";

  static final String PASS_STAGE = "pass_stage";

  private final Database database;
  private final Map<String, String> meta = new HashMap<>();

  Identity(Database database) {
    this.database = database;
    database.query("meta", result -> meta.put(result.getString(1), result.getString(2)));
  }

  /** The values of a new ledger. */
  static Map<String, String> of(Owner owner, boolean tableHasRows, Window window) {
    return Map.of(
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
        LOOK_FIRST,
        Boolean.toString(tableHasRows),
        "made_at",
        Instant.now().toString());
  }

  void belongsTo(Owner owner) {
    LedgerPlace place = database.place();
    if (!owner.job().equals(job())) {
      throw new UserError(
          "ledger "
              + place
              + " belongs to the job '"
              + job()
              + "', not to '"
              + owner.job()
              + "': move it away, or "
              + place.elsewhere());
    }
    if (!owner.sourceKey().equals(sourceKey())) {
      throw new UserError(
          "ledger "
              + place
              + " was made with another source ("
              + difference(meta.get("source_host"), owner)
              + "): its progress does not apply here. Set "
              + (owner.setting().isEmpty() ? "the source's URL" : owner.setting())
              + " back, "
              + place.elsewhere()
              + ", or `backfill reset "
              + owner.job()
              + "`");
    }
    if (!owner.server().equals(server())) {
      throw new UserError(
          "ledger "
              + place
              + " was made with another ClickHouse, or its data was deleted since: what is marked"
              + " in it is not stored there. Go back to that ClickHouse, "
              + place.elsewhere()
              + ", or `backfill reset "
              + owner.job()
              + "` to fetch everything again");
    }
  }

  /** What differs of a source's URL, of which the ledger has no more than its host. */
  private static String difference(String before, Owner now) {
    if (!now.sourceHost().equals(before)) {
      return before + ", now " + now.sourceHost();
    }
    return (now.setting().isEmpty() ? "" : "another port, path or key at ") + before;
  }

  String job() {
    return meta.get("job");
  }

  String ledger() {
    return meta.get("ledger");
  }

  String sourceKey() {
    return meta.get("source");
  }

  String server() {
    return meta.get("clickhouse");
  }

  Window window() {
    return meta.get("window") == null || meta.get("window").isEmpty()
        ? Window.ALL
        : new Window(
            meta.get("window"),
            Long.parseLong(meta.get("since")),
            Long.parseLong(meta.get("until")));
  }

  Batch.Key key(long number) {
    return new Batch.Key(job(), ledger(), number);
  }

  boolean looksFirst() {
    return Boolean.parseBoolean(meta.get(LOOK_FIRST));
  }

  /** Lets each new batch look first, as long as this process has the ledger open. */
  void lookFirst() {
    meta.put(LOOK_FIRST, "true");
  }

  /** The number of the first batch of this pass. */
  long passFrom() {
    return Long.parseLong(meta.getOrDefault("pass_from", "0"));
  }

  /** Batches made from now on belong to a new pass. */
  void newPass() {
    newPass(() -> null);
  }

  /** The same in one transaction with other work. */
  void newPass(Database.Work<?> work) {
    database.transaction(
        () -> {
          put("pass_from", database.number("next-batch"));
          return work.run();
        });
  }

  /** See {@link Ledger#merged}. */
  void merged(long batch) {
    database.transaction(
        () -> {
          put("merged", batch);
          return null;
        });
  }

  /** See {@link Ledger#stage()}. */
  String stage() {
    return now(STAGE);
  }

  /** See {@link Ledger#stage(String)}. */
  void stage(String stage) {
    database.transaction(() -> database.update("set-meta", STAGE, stage));
  }

  /** The stage of a pass with stages: its number, and where the pass began; empty for none. */
  String passStage() {
    return now(PASS_STAGE);
  }

  /** Notes that the pass has stages, and is in the first one. */
  void beginStages() {
    database.transaction(() -> database.update("set-meta", PASS_STAGE, firstStage()));
  }

  String firstStage() {
    return "0 " + passFrom();
  }

  /** A value as it is now, whichever process noted it; empty where there is none. */
  private String now(String key) {
    return database.query("value", result -> result.getString(1), key).stream()
        .findFirst()
        .orElse("");
  }

  private void put(String key, long value) throws SQLException {
    database.update("set-meta", key, String.valueOf(value));
    meta.put(key, String.valueOf(value));
  }
}
