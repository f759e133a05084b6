package polymarket.backfill.ledger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.ledger.Ledger.Entry;
import polymarket.backfill.ledger.Ledger.Loaded;
import polymarket.backfill.ledger.Ledger.Loading;

/** The ids of a ledger: loading them, reading them, making them pending again. */
final class Ids {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Database database;

  Ids(Database database) {
    this.database = database;
  }

  /** Adds ids to a temporary table. */
  private final class Incoming implements Loading {

    private final PreparedStatement insert;
    private long entries;
    private int waiting;

    Incoming(PreparedStatement insert) {
      this.insert = insert;
    }

    @Override
    public void add(String id) {
      try {
        insert.setString(1, id);
        insert.setInt(2, Share.slot(id));
        insert.addBatch();
        entries++;
        if (++waiting == 10_000) {
          flush();
        }
      } catch (SQLException e) {
        throw database.damaged(e);
      }
    }

    @Override
    public long entries() {
      return entries;
    }

    private void flush() throws SQLException {
      insert.executeBatch();
      waiting = 0;
    }
  }

  Loaded load(Consumer<Loading> reader) {
    try {
      try {
        long entries = database.aside(() -> readIn(reader));
        return database.transaction(
            () -> {
              long added = database.update("add-sorted");
              if (added > 0) {
                database.execute("statistics");
              }
              return new Loaded(entries, database.number("count-sorted"), added);
            });
      } finally {
        database.execute("drop-loaded");
      }
    } catch (SQLException e) {
      throw database.damaged(e);
    }
  }

  /** Reads a list into a temporary table; other processes can write to the ledger meanwhile. */
  private long readIn(Consumer<Loading> reader) throws SQLException {
    database.execute("create-incoming");
    Incoming incoming;
    try (PreparedStatement insert =
        database.connection().prepareStatement(database.sql("add-incoming"))) {
      incoming = new Incoming(insert);
      reader.accept(incoming);
      incoming.flush();
    }
    database.execute("sort-incoming");
    return incoming.entries;
  }

  void entries(State state, long limit, Consumer<Entry> to) {
    try {
      database.aside(
          () ->
              database.query(
                  "entries",
                  result -> {
                    to.accept(entry(result));
                    return null;
                  },
                  state.text(),
                  limit));
    } catch (SQLException e) {
      throw database.damaged(e);
    }
  }

  List<String> all() {
    return database.query("all-ids", result -> result.getString(1));
  }

  Entry entry(String id) {
    return database.query("entry", Ids::entry, id).stream().findFirst().orElse(null);
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

  Map<String, State> states(Collection<String> ids) {
    Map<String, State> states = new HashMap<>();
    if (!ids.isEmpty()) {
      database.query(
          "states-of-ids",
          result -> states.put(result.getString(1), State.of(result.getString(2))),
          json(ids));
    }
    return states;
  }

  private static String json(Collection<String> ids) {
    try {
      return JSON.writeValueAsString(ids);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("an id that is no text", e);
    }
  }

  void redo(Collection<String> ids) {
    database.transaction(
        () -> {
          database.updateEach("redo-id", ids, List::of);
          return null;
        });
  }

  /**
   * Makes these pending again, removes the others, which are done, and notes a stage, as a part of
   * a transaction.
   */
  int only(Collection<String> ids, String stage) throws SQLException {
    database.updateEach("redo-id", ids, List::of);
    database.update("delete-done");
    return database.update("set-meta", Identity.PASS_STAGE, stage);
  }

  /** Adds ids, or makes them pending again where they are there, and notes a stage with it. */
  void add(Collection<String> ids, Mode mode, String stage) {
    database.transaction(
        () -> {
          database.updateEach("follow-id", ids, id -> List.of(id, Share.slot(id), mode.text()));
          return database.update("set-meta", Identity.PASS_STAGE, stage);
        });
  }

  boolean again(String id, long before) {
    return database.transaction(() -> database.update("again-id", id, before)) > 0;
  }

  /** Makes the ids of some states pending again that were marked before an instant. */
  long again(Collection<State> states, Mode mode, long before, Share share, long limit) {
    String all =
        database.sql(
            "chosen",
            Map.of(
                "states",
                String.join(
                    ", ", states.stream().map(state -> "'" + state.text() + "'").toList())));
    String chosen =
        limit == Long.MAX_VALUE
            ? all
            : database.sql("chosen-first", Map.of("chosen", all, "limit", String.valueOf(limit)));
    Object[] parameters = {before, share.from(), share.to()};
    return database.transaction(
        () -> {
          database.updateSql(database.sql("again-rejected", Map.of("chosen", chosen)), parameters);
          long pending =
              database.updateSql(
                  database.sql("again", Map.of("mode", mode.text(), "chosen", chosen)), parameters);
          if (pending > 0) {
            database.execute("statistics");
          }
          return pending;
        });
  }
}
