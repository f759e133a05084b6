package polymarket.backfill.store;

import java.util.Map;
import org.apache.camel.Consumer;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.Producer;
import org.apache.camel.support.DefaultComponent;
import org.apache.camel.support.DefaultEndpoint;
import org.apache.camel.support.DefaultProducer;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.ledger.BatchWork;

/**
 * The endpoint {@code clickhouse:database.table}: inserts the body, rows as JSONEachRow, in one
 * block with the driver's own client, and returns when ClickHouse has acknowledged them. Rows of
 * batches that wait at the same time are inserted together. The header {@code ClickHouseToken} is
 * the insert's deduplication token. With a header {@code ClickHouseBatch}, the body is an answer as
 * it came, whose rows are of that batch, and is inserted alone.
 */
public final class ClickHouseComponent extends DefaultComponent {

  private final ClickHouse clickHouse;
  private final InsertGroups groups;

  public ClickHouseComponent(ClickHouse clickHouse, InsertGroups groups) {
    this.clickHouse = clickHouse;
    this.groups = groups;
  }

  @Override
  protected org.apache.camel.Endpoint createEndpoint(
      String uri, String remaining, Map<String, Object> parameters) {
    return new Table(uri, remaining);
  }

  private final class Table extends DefaultEndpoint {

    private final String table;

    private Table(String uri, String table) {
      super(uri, ClickHouseComponent.this);
      this.table = table;
    }

    @Override
    public Producer createProducer() {
      return new DefaultProducer(this) {
        @Override
        public void process(Exchange exchange) throws InterruptedException {
          byte[] rows = exchange.getMessage().getBody(byte[].class);
          String token = exchange.getMessage().getHeader("ClickHouseToken", String.class);
          String batch = exchange.getMessage().getHeader("ClickHouseBatch", String.class);
          if (batch == null) {
            groups.insert(
                table, exchange.getProperty(BatchWork.PROPERTY, BatchWork.class), rows, token);
          } else {
            clickHouse.insert(table, rows, token, batch);
          }
        }
      };
    }

    @Override
    public Consumer createConsumer(Processor processor) {
      throw new UnsupportedOperationException(
          "clickhouse: only inserts rows; use jdbc: for queries");
    }

    @Override
    public boolean isSingletonProducer() {
      return true;
    }
  }
}
