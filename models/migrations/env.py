"""Alembic runs this; the connection and its transaction are the caller's (`models.migrations.upgrade`)."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
