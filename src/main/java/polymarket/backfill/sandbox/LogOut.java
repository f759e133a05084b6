package polymarket.backfill.sandbox;

import java.util.List;

/**
 * Takes what transactions emit, in the chain's order, and numbers it. Only wanted logs are encoded.
 */
final class LogOut {
  /** Which logs are wanted, by their contract and event. */
  interface Wanted {
    boolean log(String address, String topic0);
  }

  /** Takes the logs and rows. A log's rows come right after it. */
  interface Sink {
    void log(Log log);

    default void row(Row row) {}
  }

  /** One log; place is its transaction's index in the block. */
  record Log(
      long block,
      int index,
      int place,
      String transaction,
      String address,
      String[] topics,
      String data) {}

  /**
   * One row of the truth: what a log means.
   *
   * @param kind fills, fees, transfers, collateral, lifecycle or amm
   * @param batch the place in a TransferBatch, else 0
   * @param fields names and values by turns
   */
  record Row(String kind, long block, int index, int batch, String transaction, Object[] fields) {
    /** A field's value, or null. */
    Object get(String name) {
      for (int k = 0; k < fields.length; k += 2) {
        if (fields[k].equals(name)) {
          return fields[k + 1];
        }
      }
      return null;
    }

    String text(String name) {
      return String.valueOf(get(name));
    }

    long number(String name) {
      return ((Number) get(name)).longValue();
    }

    void json(StringBuilder out, long time) {
      Json.Obj obj =
          new Json.Obj(out)
              .put("block", block)
              .put("time", time)
              .put("tx", transaction)
              .put("log_index", index)
              .put("batch_index", batch)
              .put("kind", kind);
      for (int k = 0; k < fields.length; k += 2) {
        String name = (String) fields[k];
        Object value = fields[k + 1];
        if (value instanceof Long || value instanceof Integer || value instanceof Boolean) {
          obj.raw(name, value.toString());
        } else if (value instanceof List<?> list) {
          StringBuilder all = new StringBuilder("[");
          for (Object one : list) {
            all.append(all.length() > 1 ? "," : "")
                .append(one instanceof Number ? one.toString() : Json.quoted(one.toString()));
          }
          obj.raw(name, all.append(']'));
        } else {
          obj.put(name, value == null ? null : value.toString());
        }
      }
      obj.end();
    }
  }

  private final Wanted wanted;
  private final boolean rows;
  private final Sink sink;
  private long block = Long.MIN_VALUE;
  private String transaction;
  private int index;
  private int place;

  /** rows: whether the truth's rows are wanted beside the logs. */
  LogOut(Wanted wanted, boolean rows, Sink sink) {
    this.wanted = wanted;
    this.rows = rows;
    this.sink = sink;
  }

  /** The next transaction; blocks must not go back. */
  void begin(long inBlock, String hash) {
    if (inBlock != block) {
      block = inBlock;
      index = 0;
      place = -1;
    }
    place++;
    transaction = hash;
  }

  void log(String address, ChainEvent event, Object... arguments) {
    int own = index++;
    if (wanted.log(address, event.topic0)) {
      sink.log(
          new Log(
              block,
              own,
              place,
              transaction,
              address,
              event.topics(arguments),
              event.data(arguments)));
    }
  }

  /** A row of the log that was written last. */
  void row(String kind, int batch, Object... fields) {
    if (rows) {
      sink.row(new Row(kind, block, index - 1, batch, transaction, fields));
    }
  }

  boolean rows() {
    return rows;
  }
}
