package polymarket.backfill.embedded;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine connections of requests: a separate one for each, with the settings of its URL, or
 * that of its {@code session_id}, which serves one request at a time.
 */
final class EngineSessions implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EngineSessions.class);

  private final Chdb chdb;
  private final Path data;
  private final Path config;
  private final Map<String, Session> sessions = new HashMap<>();

  EngineSessions(Chdb chdb, Path data, Path config) {
    this.chdb = chdb;
    this.data = data;
    this.config = config;
  }

  private static final class Session {
    final Chdb.Connection connection;
    boolean busy = true;
    long expires;

    Session(Chdb.Connection connection) {
      this.connection = connection;
    }
  }

  /** A connection with the settings of one request. */
  static final class Lease implements AutoCloseable {
    final Chdb.Connection connection;
    private final Runnable end;

    Lease(Chdb.Connection connection, Runnable end) {
      this.connection = connection;
      this.end = end;
    }

    @Override
    public void close() {
      end.run();
    }
  }

  Lease lease(Map<String, String> url, Map<String, String> settings, String database) {
    String id = url.getOrDefault("session_id", "");
    if (id.isEmpty()) {
      Chdb.Connection connection = chdb.connect(data, config);
      try {
        if (!database.isEmpty()) {
          connection.query("USE " + Quotes.name(database));
        }
        if (!settings.isEmpty()) {
          connection.query(set(settings));
        }
      } catch (EngineException e) {
        connection.close();
        throw e;
      }
      return new Lease(connection, connection::close);
    }
    return sessionLease(id, url, settings, database);
  }

  private Lease sessionLease(
      String id, Map<String, String> url, Map<String, String> settings, String database) {
    int seconds = timeout(url);
    Session session = claim(id, EngineServer.flag(url, "session_check"));
    List<String> undo = new ArrayList<>();
    Runnable end =
        () -> {
          for (String statement : undo) {
            try {
              session.connection.query(statement);
            } catch (EngineException e) {
              log.warn("session {}: {}", id, e.getMessage());
            }
          }
          synchronized (sessions) {
            session.expires = System.nanoTime() + seconds * 1_000_000_000L;
            session.busy = false;
            if (EngineServer.flag(url, "close_session")) {
              sessions.remove(id);
              session.connection.close();
            }
          }
        };
    try {
      apply(session, settings, database, undo);
    } catch (EngineException e) {
      if (e.code == 115) {
        undo.removeIf(statement -> statement.startsWith("SET "));
      }
      end.run();
      throw e;
    }
    return new Lease(session.connection, end);
  }

  /** How many seconds a session lasts after its last request. */
  private static int timeout(Map<String, String> url) {
    int timeout;
    try {
      timeout = Integer.parseInt(url.getOrDefault("session_timeout", "60"));
    } catch (NumberFormatException e) {
      timeout = -1;
    }
    if (timeout < 0 || timeout > 3600) {
      throw new EngineException(
          374,
          "INVALID_SESSION_TIMEOUT",
          "Invalid session timeout: '" + url.get("session_timeout") + "' (seconds, at most 3600)");
    }
    return timeout;
  }

  /** The session of an id, which nobody else uses until it is given back. */
  private Session claim(String id, boolean mustExist) {
    synchronized (sessions) {
      Session session = sessions.get(id);
      if (session == null) {
        if (mustExist) {
          throw new EngineException(372, "SESSION_NOT_FOUND", "Session " + id + " not found");
        }
        session = new Session(chdb.connect(data, config));
        sessions.put(id, session);
      } else if (session.busy) {
        throw new EngineException(
            373, "SESSION_IS_LOCKED", "Session " + id + " is locked by a concurrent client");
      }
      session.busy = true;
      return session;
    }
  }

  /**
   * Applies the settings and the database of a URL to its request; changes by SET and USE stay in
   * the session.
   *
   * @param undo receives the statements that take them back
   */
  private void apply(
      Session session, Map<String, String> settings, String database, List<String> undo) {
    if (!database.isEmpty()) {
      undo.add(
          "USE "
              + Quotes.name(
                  session.connection.query("SELECT currentDatabase() FORMAT TSVRaw").text()));
      session.connection.query("USE " + Quotes.name(database));
    }
    if (!settings.isEmpty()) {
      for (String setting : settings.keySet()) {
        String[] old =
            session
                .connection
                .query(
                    "SELECT changed, value FROM system.settings WHERE name = "
                        + Quotes.text(setting)
                        + " FORMAT TSVRaw")
                .text()
                .split("\t", 2);
        undo.add(
            "SET "
                + setting
                + " = "
                + (old[0].equals("1") ? Quotes.text(old.length > 1 ? old[1] : "") : "DEFAULT"));
      }
      session.connection.query(set(settings));
    }
  }

  /** Closes expired sessions. */
  void expire() {
    closeIf(s -> System.nanoTime() > s.expires);
  }

  /** Closes idle sessions. */
  @Override
  public void close() {
    closeIf(s -> true);
  }

  private void closeIf(Predicate<Session> condition) {
    synchronized (sessions) {
      sessions
          .values()
          .removeIf(
              s -> {
                boolean ended = !s.busy && condition.test(s);
                if (ended) {
                  s.connection.close();
                }
                return ended;
              });
    }
  }

  private static String set(Map<String, String> settings) {
    List<String> all = new ArrayList<>();
    settings.forEach(
        (name, value) -> {
          if (!name.matches("[A-Za-z_][A-Za-z0-9_.]*")) {
            throw new EngineException(115, "UNKNOWN_SETTING", "Unknown setting '" + name + "'");
          }
          all.add(name + " = " + Quotes.text(value));
        });
    return "SET " + String.join(", ", all);
  }
}
